import { randomBytes } from 'node:crypto'
import { readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** What stands behind the path of a file that no longer grows: when it was set aside, and a number against doubles. */
const SEALED = /^\.\d{8}T\d{9}Z-[0-9a-f]{8}$/

/**
 * Moves a dead letter file away that is full, or is to be purged, if there is one. No name is ever used twice, so that
 * two who do so at the same time never replace each other's file.
 */
export async function seal(path: string, nowMs: number): Promise<void> {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:.]/g, '')
  try {
    await rename(path, `${path}.${time}-${randomBytes(4).toString('hex')}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Files that no longer grow, oldest first. */
export function sealedSegments(path: string): Promise<string[]> {
  return beside(path, (rest) => SEALED.test(rest))
}

/** What a purge that was cut short has left behind. */
export function purgeDrafts(path: string): Promise<string[]> {
  return beside(path, (rest) => rest.endsWith('.tmp') && SEALED.test(rest.slice(0, -'.tmp'.length)))
}

/** Files whose names begin with that of the path, by the rest of their names, in order. */
async function beside(path: string, isWanted: (rest: string) => boolean): Promise<string[]> {
  const name = basename(path)
  const names = await namesIn(dirname(path))
  const found = names.filter((file) => file.startsWith(name) && isWanted(file.slice(name.length)))
  return found.toSorted().map((file) => join(dirname(path), file))
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
