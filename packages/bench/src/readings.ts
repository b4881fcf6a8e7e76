import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'

/** Of the shortest reading. */
export const READING_BYTES = 58

/** What stands between a key and its value. */
export const KEY_END = '\t'

export interface ReadingForm {
  /** `READING_BYTES`, or at least 100: then the reading has a text besides. */
  readonly valueBytes: number
  /** Whether each line begins with a key and `KEY_END`. */
  readonly keyed: boolean
}

/** Lines that are made before they repeat, and their size in all, at most. */
const BLOCK = { lines: 10_000, bytes: 32 * 2 ** 20 }

const KEYS = 1000

/**
 * Writes `count` sensor readings to a file, a JSON object a line:
 * `{"pressure": 3.2, "temperature": 15.1, "visibility": 65.1}`. The same for every run.
 */
export async function writeReadings(file: string, count: number, form: ReadingForm): Promise<void> {
  const blockLines = Math.min(BLOCK.lines, Math.floor(BLOCK.bytes / form.valueBytes))
  const lines = readings(Math.min(count, blockLines), form)
  const block = Buffer.from(lines.join(''))
  const out = createWriteStream(file)
  for (let left = count; left > 0; left -= lines.length) {
    const chunk = left >= lines.length ? block : Buffer.from(lines.slice(0, left).join(''))
    if (!out.write(chunk)) await once(out, 'drain')
  }
  out.end()
  await finished(out)
}

/** Lines with their line feeds. */
export function readings(count: number, { valueBytes, keyed }: ReadingForm): string[] {
  const random = randomNumbers(1)
  const decimal = (from: number, to: number): string => (from + Math.floor(random() * (to - from) * 10) / 10).toFixed(1)
  const note = noteOf(valueBytes, random)
  return Array.from({ length: count }, () => {
    const pressure = decimal(0, 10)
    const temperature = decimal(10, 100)
    const key = keyed ? `sensor-${Math.floor(random() * KEYS)}${KEY_END}` : ''
    return `${key}{"pressure": ${pressure}, "temperature": ${temperature}, "visibility": ${decimal(10, 100)}${note()}}\n`
  })
}

/** Makes the last member of a value that is to be longer than the shortest: a text of letters, each time another. */
function noteOf(valueBytes: number, random: () => number): () => string {
  if (valueBytes === READING_BYTES) return () => ''
  const [before, after] = [', "note": "', '"']
  const length = valueBytes - READING_BYTES - before.length - after.length
  const letters = Buffer.from(Array.from({ length: 2 * length }, () => 97 + Math.floor(random() * 26))).toString()
  return () => {
    const from = Math.floor(random() * length)
    return `${before}${letters.slice(from, from + length)}${after}`
  }
}

/** A linear congruential generator: numbers from 0 up to 1, the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
