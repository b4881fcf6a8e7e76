import type { Partition } from '../api/record.ts'
import { trackKey } from '../offsets/partition-groups.ts'
import type { Outcome } from '../offsets/tally.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import type { ParkedFate, ParkedRecord } from './parking.ts'

/** What a parked record may become. */
export type ParkedOutcome = Exclude<Outcome, 'parked'>

/** Of the pieces that a transform made of one record the worst counts. */
const RANK = { filtered: 0, skipped: 1, written: 2, dropped: 3, deadLettered: 4, refused: 5 } as const

type Verdict = ParkedOutcome | 'refused'

export interface ParkedCounts {
  readonly outcome: ParkedOutcome
  readonly counts: readonly (Partition & { readonly records: number })[]
}

/** What becomes of some parked records in one attempt. A record is done when all that was made of it is. */
export class FateBook {
  readonly #records: readonly ParkedRecord[]
  readonly #verdicts: (Verdict | undefined)[]
  /** Pieces of each record that nothing is noted of. */
  readonly #left: Int32Array

  constructor(records: readonly ParkedRecord[]) {
    this.#records = records
    this.#verdicts = new Array<Verdict | undefined>(records.length)
    this.#left = new Int32Array(records.length)
  }

  record(index: number): ParkedRecord {
    return this.#records[index]!
  }

  /** Something is still to be noted of a record, or of a piece of it. `record`: its index. */
  expect(record: number): void {
    this.#left[record]!++
  }

  written(rows: RecordBatch): void {
    for (let row = 0; row < rows.length; row++) this.note(rows.packedRow(row), 'written')
  }

  /** `record`: its index. */
  note(record: number, verdict: Verdict): void {
    this.#left[record]!--
    const before = this.#verdicts[record]
    if (before === undefined || RANK[verdict] > RANK[before]) this.#verdicts[record] = verdict
  }

  fates(): readonly ParkedFate[] {
    return this.#records.map((_, record) => {
      const verdict = this.#verdicts[record]
      if (verdict === 'refused') return 'refused'
      return this.#isDone(record) ? 'done' : 'untried'
    })
  }

  /** Records that are done, by what they have become and by partition. */
  counts(): readonly ParkedCounts[] {
    const byOutcome = new Map<ParkedOutcome, Map<string, Partition & { records: number }>>()
    for (let record = 0; record < this.#records.length; record++) {
      const verdict = this.#verdicts[record]
      if (verdict === undefined || verdict === 'refused' || !this.#isDone(record)) continue
      const { stream, partition } = this.#records[record]!
      const partitions = byOutcome.get(verdict) ?? new Map<string, Partition & { records: number }>()
      byOutcome.set(verdict, partitions)
      const key = trackKey(stream, partition)
      const records = (partitions.get(key)?.records ?? 0) + 1
      partitions.set(key, { stream, partition, records })
    }
    return [...byOutcome].map(([outcome, partitions]) => ({ outcome, counts: [...partitions.values()] }))
  }

  #isDone(record: number): boolean {
    return this.#verdicts[record] !== undefined && this.#left[record]! <= 0
  }
}
