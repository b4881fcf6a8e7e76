import type { Cost } from './measure.ts'
import type { Counted } from './subject.ts'
import { arrivalRate } from './tally.ts'

/** One run of one subject: what it cost and what arrived. */
export interface Run {
  readonly records: number
  readonly cpuSeconds: number
  readonly userSeconds: number
  readonly systemSeconds: number
  /** From the start of the process to its end. */
  readonly wallSeconds: number
  /** From the start of the process to the first arrival. */
  readonly startUpSeconds: number | undefined
  /** Between the first arrival and the last. */
  readonly recordsPerSecond: number | undefined
  readonly peakRssBytes: number
  /** How busy the destination was between the start and the end: near 1 it was the limit. */
  readonly destinationLoad: number | undefined
  /** What came before, and is in none of the other figures but the peak. */
  readonly excluded?: { readonly cpuSeconds: number; readonly wallSeconds: number }
}

export function runOf(cost: Omit<Cost, 'exitCode'>, { tally, cpuSeconds: destinationCpuSeconds }: Counted): Run {
  const wallSeconds = cost.endedAt - cost.startedAt
  return {
    records: tally.records,
    cpuSeconds: cost.userSeconds + cost.systemSeconds,
    userSeconds: cost.userSeconds,
    systemSeconds: cost.systemSeconds,
    wallSeconds,
    startUpSeconds: tally.firstAt === undefined ? undefined : tally.firstAt / 1000 - cost.startedAt,
    recordsPerSecond: arrivalRate(tally),
    peakRssBytes: cost.peakRssBytes,
    destinationLoad: destinationCpuSeconds === undefined ? undefined : destinationCpuSeconds / wallSeconds,
  }
}

/** CPU-seconds that a million records cost, starting and stopping included. */
export function cpuPerMillion({ cpuSeconds, records }: Run): number {
  return (cpuSeconds * 1e6) / records
}
