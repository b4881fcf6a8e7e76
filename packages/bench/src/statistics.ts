export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Undefined where there is nothing to summarize. */
export function summarize(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]!
  const median = sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** How far two figures are apart, as a share of their mean. */
export function relativeDifference(one: number, other: number): number {
  return one === other ? 0 : Math.abs(one - other) / ((one + other) / 2)
}
