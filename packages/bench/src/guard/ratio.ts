import { relativeDifference, summarize } from '../statistics.ts'

/** CPU-seconds of one round: both programs twice, for the same records. */
export interface Round {
  readonly ours: readonly [number, number]
  readonly kcat: readonly [number, number]
}

export interface Ratio {
  /** What moving records costs connect-run by what it costs kcat, without what connect-run takes to start and stop. */
  readonly ratio: number
  /** How far the ratios of the two turns are apart, as a share: nobody has changed anything between them. */
  readonly noise: number
  readonly rounds: number
}

/** The median of the rounds. `startCpuSeconds` is what connect-run uses with nothing to move. */
export function ratioOf(rounds: readonly Round[], startCpuSeconds: number): Ratio {
  const [first, second] = ([0, 1] as const).map((turn) =>
    rounds.map(({ ours, kcat }) => (ours[turn] - startCpuSeconds) / kcat[turn]),
  )
  const noise = relativeDifference(median(first!), median(second!))
  return { ratio: median([...first!, ...second!]), noise, rounds: rounds.length }
}

export function median(values: readonly number[]): number {
  const summary = summarize(values)
  if (!summary) throw new RangeError('there is no median of nothing')
  return summary.median
}
