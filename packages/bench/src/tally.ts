const LINE_FEED = 10

/** What arrived at a destination, and when by the clock of the machine (milliseconds since 1970). */
export interface Tally {
  readonly records: number
  /** How many of them came with the first arrival. */
  readonly firstRecords: number
  readonly firstAt: number | undefined
  readonly lastAt: number | undefined
}

export const emptyTally: Tally = { records: 0, firstRecords: 0, firstAt: undefined, lastAt: undefined }

/** The tally after `records` more have arrived at `now`. */
export function addArrival(tally: Tally, records: number, now: number): Tally {
  if (records === 0) return tally
  const { firstRecords, firstAt } = tally.firstAt === undefined ? { firstRecords: records, firstAt: now } : tally
  return { records: tally.records + records, firstRecords, firstAt, lastAt: now }
}

/** The tally of two places together. */
export function addTallies(one: Tally, other: Tally): Tally {
  if (one.records === 0) return other
  if (other.records === 0) return one
  const first = one.firstAt! <= other.firstAt! ? one : other
  return {
    records: one.records + other.records,
    firstRecords: first.firstRecords,
    firstAt: first.firstAt,
    lastAt: Math.max(one.lastAt!, other.lastAt!),
  }
}

/** Records a second from the first arrival to the last; undefined where one arrival was all. */
export function arrivalRate({ records, firstRecords, firstAt, lastAt }: Tally): number | undefined {
  if (firstAt === undefined || lastAt === undefined || lastAt === firstAt) return undefined
  return ((records - firstRecords) * 1000) / (lastAt - firstAt)
}

/** Line feeds in a part of a stream. */
export function countLineFeeds(chunk: Buffer): number {
  let count = 0
  for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) count++
  return count
}

/** Lines of a whole text; the last one may lack its line feed. */
export function countLines(text: Buffer): number {
  const open = text.length > 0 && text.at(-1) !== LINE_FEED
  return countLineFeeds(text) + (open ? 1 : 0)
}
