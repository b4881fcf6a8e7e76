import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crashPoint } from '../crash-points.ts'

const OWNER_ONLY = 0o600

/** Writes a file and waits until the disk has it. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', OWNER_ONLY)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Puts the text in place of a file: whoever reads it, after whatever crash, finds the old text or the new one. */
export async function replaceDurably(path: string, text: string): Promise<void> {
  const draft = `${path}.tmp`
  await writeDurably(draft, text)
  crashPoint('state-synced')
  await rename(draft, path)
  crashPoint('state-renamed')
  await syncFolder(dirname(path))
}

/** Waits until the disk has what was created, renamed or removed in a folder. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
