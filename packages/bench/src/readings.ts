import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'

const BLOCK = 10_000

/** Of each reading, its line feed included. */
export const READING_BYTES = 59

/**
 * Writes `count` sensor readings to a file, one of 58 bytes a line:
 * `{"pressure": 3.2, "temperature": 15.1, "visibility": 65.1}`. The same for every run; they repeat after 10,000.
 */
export async function writeReadings(file: string, count: number): Promise<void> {
  const lines = readings(Math.min(count, BLOCK))
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
export function readings(count: number): string[] {
  const random = randomNumbers(1)
  const decimal = (from: number, to: number): string => (from + Math.floor(random() * (to - from) * 10) / 10).toFixed(1)
  return Array.from({ length: count }, () => {
    const pressure = decimal(0, 10)
    const temperature = decimal(10, 100)
    return `{"pressure": ${pressure}, "temperature": ${temperature}, "visibility": ${decimal(10, 100)}}\n`
  })
}

/** A linear congruential generator: numbers from 0 up to 1, the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
