import { createReadStream, statSync } from 'node:fs'
import type { Destination } from './subject.ts'
import { addArrival, countLineFeeds, emptyTally } from './tally.ts'

const LOOK_MS = 20

/**
 * A file that a program is about to write values of `valueBytes` to, one a line. While it grows its size tells how many
 * there are; at the end the line feeds are counted.
 */
export function fileDestination(path: string, valueBytes: number, now: () => number): Destination & { close(): void } {
  const lineBytes = valueBytes + 1
  let tally = emptyTally
  const look = (): void => {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    tally = addArrival(tally, Math.floor(size / lineBytes) - tally.records, now())
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
      return { tally: { ...tally, records: tally.records === 0 ? 0 : await countValues(path, lineBytes) } }
    },
    close: () => clearInterval(timer),
  }
}

/** Throws where the lines are not as long as they should be. */
async function countValues(path: string, lineBytes: number): Promise<number> {
  let bytes = 0
  let lines = 0
  for await (const chunk of createReadStream(path)) {
    bytes += (chunk as Buffer).length
    lines += countLineFeeds(chunk as Buffer)
  }
  if (bytes !== lines * lineBytes) throw new Error(`${path}: its ${bytes} bytes are not ${lines} lines of ${lineBytes}`)
  return lines
}
