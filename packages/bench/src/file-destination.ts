import { createReadStream, statSync } from 'node:fs'
import { READING_BYTES } from './readings.ts'
import type { Destination } from './subject.ts'
import { addArrival, countLineFeeds, emptyTally } from './tally.ts'

const LOOK_MS = 20

/**
 * A file that a program is about to write readings to. While it grows its size tells how many there are; at the end the
 * line feeds are counted.
 */
export function fileDestination(path: string, now: () => number): Destination & { close(): void } {
  let tally = emptyTally
  const look = (): void => {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    tally = addArrival(tally, Math.floor(size / READING_BYTES) - tally.records, now())
  }
  const timer = setInterval(look, LOOK_MS)
  return {
    arrived: () => {
      look()
      return Promise.resolve(tally.records)
    },
    count: async () => {
      clearInterval(timer)
      look()
      return { tally: { ...tally, records: tally.records === 0 ? 0 : await countReadings(path) } }
    },
    close: () => clearInterval(timer),
  }
}

/** Throws where the lines are not as long as readings are. */
async function countReadings(path: string): Promise<number> {
  let bytes = 0
  let lines = 0
  for await (const chunk of createReadStream(path)) {
    bytes += (chunk as Buffer).length
    lines += countLineFeeds(chunk as Buffer)
  }
  if (bytes !== lines * READING_BYTES) throw new Error(`${path}: its ${bytes} bytes are not ${lines} lines of readings`)
  return lines
}
