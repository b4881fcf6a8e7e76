import type { Header } from '../api/record.ts'
import { HEADER_STRIDE, type PackedRecords } from './packed-records.ts'

const NONE: readonly Header[] = []

/** The headers of a packed row, in order. */
export function headersOf(packed: PackedRecords, row: number): readonly Header[] {
  const numbers = packed.headers
  if (numbers === null) return NONE
  const found: Header[] = []
  for (let h = firstHeader(numbers, row); h < numbers.length && numbers[h] === row; h += HEADER_STRIDE) {
    const end = numbers[h + 4]!
    found.push({
      key: packed.buffer.toString('utf8', numbers[h + 1], numbers[h + 2]),
      value: end < 0 ? null : packed.buffer.subarray(numbers[h + 3], end),
    })
  }
  return found
}

/** Where the first header of `row` stands in `PackedRecords.headers`, or that of the next row that has any. */
export function firstHeader(numbers: Int32Array, row: number): number {
  let low = 0
  let high = numbers.length / HEADER_STRIDE
  while (low < high) {
    const middle = (low + high) >>> 1
    if (numbers[middle * HEADER_STRIDE]! < row) low = middle + 1
    else high = middle
  }
  return low * HEADER_STRIDE
}
