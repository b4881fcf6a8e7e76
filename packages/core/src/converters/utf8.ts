import { isUtf8 } from 'node:buffer'
import { RecordError } from '../api/errors.ts'

const REPLACEMENT = '\u{FFFD}'

/** The text of bytes `start` to `end`; bytes that are no UTF-8 are an error, never replaced. */
export function utf8Text(buffer: Buffer, start: number, end: number): string {
  const text = buffer.toString('utf8', start, end)
  // Only a text with a replacement character can come from invalid bytes; one of plain ASCII can't hold any.
  if (text.includes(REPLACEMENT) && !isUtf8(buffer.subarray(start, end))) {
    throw new RecordError('CONVERSION_FAILED', `not UTF-8: invalid at byte ${firstInvalid(buffer, start, end)}`, {
      hint: 'set the converter `bytes`, or `string` with the right `encoding`, at the source',
    })
  }
  return text
}

function firstInvalid(buffer: Buffer, start: number, end: number): number {
  let good = 0
  let bad = end - start
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1
    if (isUtf8Prefix(buffer.subarray(start, start + middle))) good = middle
    else bad = middle
  }
  return good
}

/** Whether the bytes are UTF-8, apart from a character that is cut off at the end. */
function isUtf8Prefix(bytes: Buffer): boolean {
  for (let cut = 0; cut <= 3 && cut <= bytes.length; cut++) {
    const tail = bytes.subarray(bytes.length - cut)
    if (cut > 0 && tail[0]! < 0xc2) continue
    if (isUtf8(bytes.subarray(0, bytes.length - cut))) return true
  }
  return false
}
