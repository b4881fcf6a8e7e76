import type { Ratio } from './ratio.ts'

/** How much may be lost beyond the noise. */
export const TOLERANCE = 0.15

export interface Verdict {
  readonly scenario: string
  readonly measured: Ratio
  readonly recorded: number | undefined
  /** What the ratio may be, at most. Undefined where nothing is recorded. */
  readonly limit: number | undefined
  readonly outcome: 'held' | 'lost' | 'gained' | 'unknown'
}

export function judge(scenario: string, measured: Ratio, recorded: number | undefined): Verdict {
  if (recorded === undefined) return { scenario, measured, recorded, limit: undefined, outcome: 'unknown' }
  const margin = 1 + TOLERANCE + measured.noise
  const limit = recorded * margin
  const outcome = measured.ratio > limit ? 'lost' : measured.ratio * margin < recorded ? 'gained' : 'held'
  return { scenario, measured, recorded, limit, outcome }
}

export function verdictLine({ scenario, measured, recorded, limit, outcome }: Verdict): string {
  const { ratio, noise, rounds } = measured
  const now = `${scenario}: ${ratio.toFixed(2)} times the CPU of kcat (${rounds} rounds, noise ${percent(noise)})`
  if (recorded === undefined || limit === undefined) return `? ${now}, and nothing is recorded`
  const bounds = `recorded ${recorded.toFixed(2)}, at most ${limit.toFixed(2)}`
  const marks = { held: '✓', gained: '✓', lost: '✗', unknown: '?' }
  return `${marks[outcome]} ${now}; ${bounds}${outcome === 'gained' ? '; better than recorded' : ''}`
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
