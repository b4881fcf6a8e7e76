import type { Ledger } from './snapshot.ts'

/** What became of a source record. */
export type Outcome = 'written' | 'filtered' | 'skipped' | 'deadLettered' | 'dropped' | 'released'

/** Counts what became of every record read; kept across restarts of a task. */
export class LedgerBook {
  #read = 0
  readonly #counts: Record<Outcome, number> = {
    written: 0,
    filtered: 0,
    skipped: 0,
    deadLettered: 0,
    dropped: 0,
    released: 0,
  }

  read(records: number): void {
    this.#read += records
  }

  add(outcome: Outcome, records: number): void {
    this.#counts[outcome] += records
  }

  snapshot(): Ledger {
    const done = Object.values(this.#counts).reduce((sum, count) => sum + count, 0)
    return { read: this.#read, ...this.#counts, inFlight: this.#read - done }
  }
}
