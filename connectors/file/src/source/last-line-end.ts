import type { FileHandle } from 'node:fs/promises'
import { readAt } from './file-identity.ts'

const BLOCK = 65_536

/** Where the last line that is complete ends; 0 if there is none. */
export async function lastLineEnd(handle: FileHandle, size: number): Promise<number> {
  for (let end = size; end > 0; end -= BLOCK) {
    const from = Math.max(0, end - BLOCK)
    const found = (await readAt(handle, from, end - from)).lastIndexOf(0x0a)
    if (found >= 0) return from + found + 1
  }
  return 0
}
