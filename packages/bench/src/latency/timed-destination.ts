import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { SinkProcess } from '../sink-process.ts'
import { countLineFeeds } from '../tally.ts'
import type { Histogram } from './histogram.ts'
import { addLatency, emptyHistogram } from './histogram.ts'
import { eachProducedAt } from './timed-value.ts'

export interface TimedArrivals {
  readonly records: number
  readonly latencies: Histogram
}

/** Where readings arrive that say when they were produced. */
export interface TimedDestination {
  /** What has arrived, and how late what was produced since `watch` was. */
  report(): Promise<TimedArrivals>
  /** From now on, records that say that they were produced at `from` or later are timed. */
  watch(from: number): Promise<void>
  close(): void
}

/** Records are there when their request has been received. */
export function timedServer(sink: SinkProcess): TimedDestination {
  return {
    report: async () => {
      const { tally, latencies } = await sink.report()
      return { records: tally.records, latencies }
    },
    watch: (from) => sink.watchLatency(from),
    close: () => {},
  }
}

const LOOK_MS = 1
const LINE_FEED = 10

/** Records are there when they can be read from the file. */
export function timedFile(path: string, now: () => number): TimedDestination {
  const latencies = emptyHistogram()
  let from = Infinity
  let records = 0
  const take = (lines: Buffer): void => {
    const readAt = now()
    records += countLineFeeds(lines)
    if (from < Infinity) eachProducedAt(lines, (at) => at >= from && addLatency(latencies, readAt - at))
  }
  const look = tail(path, take)
  const timer = setInterval(look, LOOK_MS)
  return {
    report: () => Promise.resolve({ records, latencies }),
    watch: (since) => {
      from = since
      return Promise.resolve()
    },
    close: () => clearInterval(timer),
  }
}

/** Each call hands over the whole lines that the file has gained. */
function tail(path: string, take: (lines: Buffer) => void): () => void {
  let position = 0
  return () => {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    if (size <= position) return
    const gained = Buffer.alloc(size - position)
    const file = openSync(path, 'r')
    const read = readSync(file, gained, 0, gained.length, position)
    closeSync(file)
    const whole = gained.subarray(0, read).lastIndexOf(LINE_FEED) + 1
    position += whole
    if (whole > 0) take(gained.subarray(0, whole))
  }
}
