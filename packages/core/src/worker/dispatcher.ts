import type { RecordBatch } from '../records/record-batch.ts'

export interface DispatcherOptions {
  /** Batches of one partition are delivered one after another. */
  readonly ordered: boolean
  /** How many batches may be under way. */
  readonly concurrency: number
  /** Delivers a batch to the end; must not reject. */
  readonly deliver: (batch: RecordBatch) => Promise<void>
}

/** A queue that is worked off one batch at a time, or several where order does not matter. */
interface Lane {
  readonly queue: RecordBatch[]
  running: number
  readonly width: number
}

/**
 * Gives batches to the sink, as many at a time as it takes. For an ordered sink each partition belongs to one lane
 * and a lane delivers one batch at a time; otherwise there is one lane as wide as the concurrency.
 */
export class Dispatcher {
  readonly #lanes: readonly Lane[]
  readonly #deliver: (batch: RecordBatch) => Promise<void>
  readonly #waiters: (() => void)[] = []

  constructor({ ordered, concurrency, deliver }: DispatcherOptions) {
    this.#deliver = deliver
    this.#lanes = ordered
      ? Array.from({ length: concurrency }, () => ({ queue: [], running: 0, width: 1 }))
      : [{ queue: [], running: 0, width: concurrency }]
  }

  dispatch(batch: RecordBatch): void {
    if (this.#lanes.length === 1) return this.#enqueue(this.#lanes[0]!, batch)
    const rows: number[][] = this.#lanes.map(() => [])
    for (let i = 0; i < batch.length; i++) rows[laneOf(batch, i, rows.length)]!.push(i)
    this.#lanes.forEach((lane, l) => {
      if (rows[l]!.length > 0) this.#enqueue(lane, batch.select(rows[l]!))
    })
  }

  /** Resolves when nothing is queued or under way. */
  idle(): Promise<void> {
    if (this.#lanes.every((lane) => lane.running === 0)) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  #enqueue(lane: Lane, batch: RecordBatch): void {
    lane.queue.push(batch)
    this.#pump(lane)
  }

  #pump(lane: Lane): void {
    while (lane.running < lane.width && lane.queue.length > 0) {
      lane.running++
      void this.#deliver(lane.queue.shift()!).finally(() => {
        lane.running--
        this.#pump(lane)
        this.#wakeIfIdle()
      })
    }
  }

  #wakeIfIdle(): void {
    if (this.#lanes.some((lane) => lane.running > 0)) return
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}

/** Neighbouring partitions go to different lanes; streams are spread by a simple hash of their name. */
function laneOf(batch: RecordBatch, i: number, lanes: number): number {
  const { packed } = batch
  const name = packed.streams[packed.stream[batch.packedRow(i)]!]!
  return (batch.partition(i) + name.length + (name.codePointAt(name.length - 1) ?? 0)) % lanes
}
