import type { Stats } from 'node:fs'
import type * as fs from 'node:fs/promises'

/** What the sink asks of the file system. */
export interface Files extends Pick<typeof fs, 'open' | 'readFile' | 'readdir' | 'realpath' | 'rename' | 'unlink'> {
  stat(path: string): Promise<Stats>
}

/** Undefined where there is nothing. */
export function statOf(files: Pick<Files, 'stat'>, path: string): Promise<Stats | undefined> {
  return orNone(files.stat(path))
}

export async function unlinkIfThere(files: Files, path: string): Promise<void> {
  await orNone(files.unlink(path))
}

/** What was renamed, made or removed in a folder is on the disk once this returns. */
export async function syncFolder(files: Files, folder: string): Promise<void> {
  const handle = await files.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function orNone<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
