import type { FileHandle } from 'node:fs/promises'
import { readAt } from './file-identity.ts'
import { CsvRowEnds } from './format/csv-row-ends.ts'
import type { TextEncoding } from './format/text-encoding.ts'

const BLOCK = 65_536

type LineEnd = Pick<TextEncoding, 'unit' | 'newline'>

/** Where the last line that is complete ends; 0 if there is none. */
export async function lastLineEnd(handle: FileHandle, size: number, { unit, newline }: LineEnd): Promise<number> {
  for (let end = size - (size % unit); end > 0; end -= BLOCK) {
    const from = Math.max(0, end - BLOCK)
    const block = await readAt(handle, from, { length: end - from })
    let found = block.lastIndexOf(newline)
    while (found > 0 && (from + found) % unit !== 0) found = block.lastIndexOf(newline, found - 1)
    if (found >= 0 && (from + found) % unit === 0) return from + found + unit
  }
  return 0
}

/** Where the last row of CSV that is complete ends; 0 if there is none. All is read: quotes may hold line ends. */
export async function lastRowEnd(handle: FileHandle, size: number, delimiter: string): Promise<number> {
  const rowEnds = new CsvRowEnds(delimiter)
  let last = 0
  for (let at = 0; at < size; at += BLOCK) {
    const block = await readAt(handle, at, { length: Math.min(BLOCK, size - at) })
    for (let end = rowEnds.next(block, 0); end >= 0; end = rowEnds.next(block, end + 1)) last = at + end + 1
  }
  return last
}

/** Where the line that has begun before `at` ends, or the last byte that is there, within a block. */
export async function thisLineEnd(handle: FileHandle, at: number, { unit, newline }: LineEnd): Promise<number> {
  // The first half of a line end may stand before.
  const from = at - (at % unit)
  const block = await readAt(handle, from, { length: BLOCK })
  let found = block.indexOf(newline)
  while (found >= 0 && found % unit !== 0) found = block.indexOf(newline, found + 1)
  return Math.max(at, from + (found < 0 ? block.length : found + unit))
}
