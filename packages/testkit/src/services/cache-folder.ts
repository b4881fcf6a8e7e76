import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where downloaded servers are kept: $CONNECT_RUN_CACHE or ~/.cache/connect-run. */
export function cacheFolder(): string {
  return process.env['CONNECT_RUN_CACHE'] || join(homedir(), '.cache', 'connect-run')
}

/**
 * The folder `name` of the cache, filled by `fill` if it is not there yet. It appears complete or not at all,
 * also when several processes fill it at once.
 */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const target = join(cacheFolder(), name)
  if (existsSync(target)) return target
  await mkdir(cacheFolder(), { recursive: true })
  const draft = await mkdtemp(`${target}.`)
  try {
    await fill(draft)
    await rename(draft, target)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (!existsSync(target)) throw error
  }
  return target
}
