import { ConnectError } from '../api/errors.ts'
import type { Partition, Positions } from '../api/record.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import type { Forgotten, Mismatch } from '../offsets/partition-track.ts'
import { type Count, type Outcome, type Tally, emptyTally, outcomes, settledIn } from '../offsets/tally.ts'
import type { LedgerEntry } from '../state/ledger-entry.ts'
import type { MetricName } from '../telemetry/metric-names.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import { type LedgerChange, PartitionLedger } from './partition-ledger.ts'
import { plural } from './plural.ts'
import type { Ledger } from './snapshot.ts'

const METRIC: Readonly<Record<Outcome | 'retried', MetricName>> = {
  written: 'records_written_total',
  filtered: 'records_filtered_total',
  skipped: 'records_skipped_total',
  parked: 'records_parked_total',
  deadLettered: 'records_dead_lettered_total',
  dropped: 'records_dropped_total',
  retried: 'records_retried_total',
}

/**
 * What became of every record: of the pipeline since the worker started, restarts of its task included, and of each
 * partition since the pipeline first ran.
 */
export class LedgerBook {
  readonly #metrics: PipelineMetrics
  readonly #pipeline: string
  readonly #partitions = new PartitionLedger()
  #tracker: AckTracker | undefined
  #read = 0
  #released = 0
  readonly #tally: Tally = emptyTally()
  /** Records that did not add up in earlier lives of the task: said there. */
  #missing = 0

  constructor(metrics: PipelineMetrics, pipeline: string) {
    this.#metrics = metrics
    this.#pipeline = pipeline
  }

  /** A task begins, with what is stored of it: `tracker` knows from now on how many of its records are in flight. */
  begin(tracker: AckTracker, stored: readonly LedgerEntry[] = []): void {
    this.#missing = this.#unaccounted()
    this.#tracker = tracker
    this.#partitions.clear()
    this.#partitions.restore(stored)
  }

  /** What is stored, where that is known only later. */
  restore(entries: readonly LedgerEntry[]): void {
    this.#partitions.restore(entries)
  }

  /** Forgets what became of the records of each partition. */
  forget(): void {
    this.#partitions.clear()
  }

  read(records: number): void {
    this.#read += records
    this.#metrics.count('records_read_total', records)
  }

  /** Takes note of what became of records that are done, right after the tracker has settled them. */
  add(outcome: Outcome, counts: readonly Count[]): void {
    this.#count(outcome, counts)
  }

  /** Records that are given to the sink once more: to be said the first time. */
  retried(counts: readonly Count[]): void {
    this.#count('retried', counts)
  }

  /** Parked records that have become something else. */
  unparked(outcome: Exclude<Outcome, 'parked'>, counts: readonly (Partition & { readonly records: number })[]): void {
    const records = counts.reduce((sum, count) => sum + count.records, 0)
    // Those parked by an earlier run of the worker are read by this one, from the parking lot.
    const others = Math.max(0, records - this.#tally.parked)
    if (others > 0) this.read(others)
    this.#tally.parked -= records - others
    this.#tally[outcome] += records
    this.#metrics.count(METRIC[outcome], records)
    this.#partitions.unparked(outcome, counts)
  }

  /** Records that were given up with their partitions or their task. */
  released(forgotten: Forgotten): void {
    this.#partitions.released(forgotten)
    if (forgotten.records === 0) return
    this.#released += forgotten.records
    this.#metrics.count('records_released_total', forgotten.records)
  }

  /** Throws `LEDGER_VIOLATED` where records read are not exactly those that became something or are in flight. */
  verify(): void {
    const mismatch = this.#tracker?.mismatch()
    if (mismatch !== undefined) throw violated(this.#pipeline, mismatch)
    const missing = this.#unaccounted() - this.#missing
    if (missing === 0) return
    const inFlight = this.#tracker?.records ?? 0
    throw new ConnectError(
      'LEDGER_VIOLATED',
      `the ledger of ${this.#pipeline} does not add up: ${excess(missing)}; ${figures(this.#read, this.#tally, inFlight)}, released ${this.#released}`,
      { hint: HINT },
    )
  }

  /** What is to be stored with positions that are about to pass. */
  passing(positions: Positions): LedgerChange {
    return this.#partitions.change(this.#tracker?.passing(positions) ?? [], this.#uncommitted)
  }

  /** Positions have passed elsewhere; {@link unstored} has what that changes. */
  passed(positions: Positions): void {
    this.#partitions.passed(this.#tracker?.passing(positions) ?? [])
  }

  /** What has changed and is not stored. */
  unstored(): LedgerChange {
    return this.#partitions.change([], this.#uncommitted)
  }

  snapshot(): Ledger {
    const { records: inFlight } = this.#tracker ?? { records: 0 }
    return { read: this.#read, ...this.#tally, released: this.#released, inFlight }
  }

  readonly #uncommitted = (partition: Partition): number => this.#tracker?.uncommitted(partition) ?? 0

  #unaccounted(): number {
    return this.#read - settledIn(this.#tally) - this.#released - (this.#tracker?.records ?? 0)
  }

  #count(outcome: Outcome | 'retried', counts: readonly Count[]): void {
    let records = 0
    for (const count of counts) {
      count.tally[outcome] += count.records
      count.total[outcome] += count.records
      records += count.records
    }
    if (records === 0) return
    this.#tally[outcome] += records
    this.#metrics.count(METRIC[outcome], records)
  }
}

const HINT =
  'nothing of it is committed and it is read again at the next start; this is a defect, so please report it with the message'

function violated(pipeline: string, { stream, partition, position, read, tally, inFlight }: Mismatch): ConnectError {
  const where = `${stream}/${partition}${position === undefined ? '' : ` up to ${position.offset}`}`
  const missing = excess(read - settledIn(tally) - inFlight)
  const message = `the ledger of ${pipeline} does not add up at ${where}: ${missing}; ${figures(read, tally, inFlight)}`
  return new ConnectError('LEDGER_VIOLATED', message, { hint: HINT })
}

function excess(missing: number): string {
  const records = plural(Math.abs(missing), 'record')
  return missing > 0 ? `${records} unaccounted for` : `${records} accounted for twice`
}

function figures(read: number, tally: Readonly<Tally>, inFlight: number): string {
  const parts = outcomes.filter((outcome) => tally[outcome] !== 0).map((outcome) => `${outcome} ${tally[outcome]}`)
  return [`read ${read}`, ...parts, `in flight ${inFlight}`].join(', ')
}
