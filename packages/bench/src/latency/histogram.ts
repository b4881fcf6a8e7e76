/** How many records took how many milliseconds: the count at each index. Records over the last index count there. */
export type Histogram = readonly number[]

const LAST_MS = 60_000

export function emptyHistogram(): number[] {
  return []
}

/** Adds one record to a histogram. */
export function addLatency(histogram: number[], milliseconds: number): void {
  const at = Math.min(Math.max(0, Math.round(milliseconds)), LAST_MS)
  while (histogram.length <= at) histogram.push(0)
  histogram[at]!++
}

export function sumHistograms(one: Histogram, other: Histogram): number[] {
  return Array.from({ length: Math.max(one.length, other.length) }, (_, at) => (one[at] ?? 0) + (other[at] ?? 0))
}

export function countOf(histogram: Histogram): number {
  return histogram.reduce((sum, count) => sum + count, 0)
}

/** The milliseconds within which `percent` of the records came. Undefined where there are none. */
export function percentile(histogram: Histogram, percent: number): number | undefined {
  const wanted = Math.max(1, Math.ceil((countOf(histogram) * percent) / 100))
  let seen = 0
  const at = histogram.findIndex((count) => (seen += count) >= wanted)
  return at < 0 ? undefined : at
}
