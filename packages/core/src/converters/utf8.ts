import { isUtf8 } from 'node:buffer'
import { RecordError } from '../api/errors.ts'

/** What `toString('utf8', start, end)` calls after checking its arguments, which costs a third of it for short texts. */
type SlicingBuffer = Buffer & { utf8Slice(start: number, end: number): string }

const REPLACEMENT = '\u{FFFD}'

/** The text of bytes `start` to `end`; bytes that are no UTF-8 are an error, never replaced. */
export function utf8Text(buffer: Buffer, start: number, end: number): string {
  const text = (buffer as SlicingBuffer).utf8Slice(start, end)
  // Only a text with a replacement character can come from invalid bytes; one of plain ASCII can't hold any.
  if (text.indexOf(REPLACEMENT) >= 0 && !isUtf8(buffer.subarray(start, end))) {
    throw new RecordError('CONVERSION_FAILED', `not UTF-8: invalid at byte ${firstInvalid(text, buffer, start)}`, {
      hint: 'set the converter `bytes`, or `string` with the right `encoding`, at the source',
    })
  }
  return text
}

/** Where the text begins: after a byte order mark, if there is one. */
export function afterMark(buffer: Buffer, start: number, end: number): number {
  const marked = buffer[start] === 0xef && end - start >= 3 && buffer[start + 1] === 0xbb && buffer[start + 2] === 0xbf
  return marked ? start + 3 : start
}

/** Where the first byte stands that is no UTF-8: at the first replacement character that is not in the bytes. */
function firstInvalid(text: string, buffer: Buffer, start: number): number {
  let at = text.indexOf(REPLACEMENT)
  let byte = Buffer.byteLength(text.slice(0, at))
  while (buffer[start + byte] === 0xef && buffer[start + byte + 1] === 0xbf && buffer[start + byte + 2] === 0xbd) {
    at = text.indexOf(REPLACEMENT, at + 1)
    byte = Buffer.byteLength(text.slice(0, at))
  }
  return byte
}
