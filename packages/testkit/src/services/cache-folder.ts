import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Where downloaded servers are kept: $CONNECT_RUN_CACHE or ~/.cache/connect-run. */
export function cacheFolder(): string {
  return process.env['CONNECT_RUN_CACHE'] || join(homedir(), '.cache', 'connect-run')
}

/**
 * The folder `name` of the cache, filled by `fill` if it is not there yet. It appears complete or not at all.
 * Of several processes that ask at once, one fills it and the others wait.
 */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const target = join(cacheFolder(), name)
  if (existsSync(target)) return target
  await mkdir(cacheFolder(), { recursive: true })
  const lock = `${target}.lock`
  const held = await turn(lock)
  try {
    if (!existsSync(target)) await fillAtOnce(target, fill)
  } finally {
    if (held) await rm(lock, { force: true })
  }
  return target
}

async function fillAtOnce(target: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const draft = await mkdtemp(`${target}.`)
  try {
    await fill(draft)
    await rename(draft, target)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (!existsSync(target)) throw error
  }
}

/** As long as a download may take. Who has waited so long goes ahead: two at once cost time and harm nothing. */
const PATIENCE_MS = 600_000
const LOOK_EVERY_MS = 100

/** Waits until nobody else fills. True when the lock is this process's, to be removed. */
async function turn(lock: string): Promise<boolean> {
  const deadline = Date.now() + PATIENCE_MS
  while (Date.now() < deadline) {
    if (await take(lock)) return true
    await delay(LOOK_EVERY_MS)
  }
  return false
}

async function take(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const holder = Number(await readFile(lock, 'utf8').catch(() => ''))
  if (holder > 0 && !isAlive(holder)) await rm(lock, { force: true })
  return false
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
