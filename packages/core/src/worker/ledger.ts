import type { MetricName } from '../telemetry/metric-names.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import type { Ledger } from './snapshot.ts'

/** What became of a source record. */
export type Outcome = 'written' | 'filtered' | 'skipped' | 'deadLettered' | 'dropped' | 'released'

const METRIC: Readonly<Record<Outcome, MetricName>> = {
  written: 'records_written_total',
  filtered: 'records_filtered_total',
  skipped: 'records_skipped_total',
  deadLettered: 'records_dead_lettered_total',
  dropped: 'records_dropped_total',
  released: 'records_released_total',
}

/** Counts what became of every record read; kept across restarts of a task. */
export class LedgerBook {
  readonly #metrics: PipelineMetrics
  #read = 0
  readonly #counts: Record<Outcome, number> = {
    written: 0,
    filtered: 0,
    skipped: 0,
    deadLettered: 0,
    dropped: 0,
    released: 0,
  }

  constructor(metrics: PipelineMetrics) {
    this.#metrics = metrics
  }

  read(records: number): void {
    this.#read += records
    this.#metrics.count('records_read_total', records)
  }

  add(outcome: Outcome, records: number): void {
    if (records === 0) return
    this.#counts[outcome] += records
    this.#metrics.count(METRIC[outcome], records)
  }

  snapshot(): Ledger {
    const done = Object.values(this.#counts).reduce((sum, count) => sum + count, 0)
    return { read: this.#read, ...this.#counts, inFlight: this.#read - done }
  }
}
