import { jsonConverter } from '../converters/json.ts'
import { type PackedInput, packRecords } from '../records/batch-builder.ts'
import { RecordBatch } from '../records/record-batch.ts'
import type { DeadLetter } from './letter.ts'

/** The records as they were read: coordinates, timestamps, bytes; a part that never was bytes is a value again. */
export function replayedBatch(letters: readonly DeadLetter[]): RecordBatch {
  const keys = letters.map((letter) => madeOf(letter, 'key'))
  const values = letters.map((letter) => madeOf(letter, 'value'))
  const { packed } = packRecords(
    letters.map((letter, i): PackedInput => {
      const { stream, partition, offset, timestamp = -1, headers } = letter
      const key = keys[i] === undefined ? letter.key : null
      return {
        stream,
        partition,
        offset,
        timestamp,
        key,
        value: values[i] === undefined ? letter.value : null,
        headers,
      }
    }),
  )
  if (!isMade(keys) && !isMade(values)) return RecordBatch.of(packed)
  return RecordBatch.made(packed, { keys: isMade(keys) ? keys : null, values: isMade(values) ? values : null })
}

function isMade(column: readonly unknown[]): boolean {
  return column.some((value) => value !== undefined)
}

/** Undefined where the source has read bytes. */
function madeOf(letter: DeadLetter, part: 'key' | 'value'): unknown {
  const bytes = letter[part]
  const isEncoded = letter.errors.encoded?.split(',').includes(part) === true
  return isEncoded && bytes !== null ? jsonConverter.decode(bytes, 0, bytes.length) : undefined
}
