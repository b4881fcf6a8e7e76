import type { PackedRecords, Producer } from '../client.ts'
import { errorOf, kafkaError } from './native-errors.ts'
import type { OutgoingRecords, SendFailure } from './producer-client.ts'

/** How long to wait for room at most before it is looked for again. */
const ROOM_MS = 100

/** Hands over columns and is told once when all of them are settled, with those that failed. */
export function packedSend(
  producer: Producer,
): (topic: string, records: OutgoingRecords, signal: AbortSignal) => Promise<SendFailure[]> {
  const batches = new Batches(producer)
  return (topic, records, signal) => batches.send(topic, records, signal)
}

/** As the binding takes them. */
type Native = PackedRecords & Pick<OutgoingRecords, 'partition'>

class Batches {
  readonly #producer: Producer
  /** Those that wait for room in the client's queue. */
  #waiting: (() => void)[] = []

  constructor(producer: Producer) {
    this.#producer = producer
  }

  async send(topic: string, records: OutgoingRecords, signal: AbortSignal): Promise<SendFailure[]> {
    const native = { n: records.count, ...records }
    const parts: Promise<SendFailure[]>[] = []
    for (let from = 0; from < native.n && !signal.aborted;) {
      const { taken, failures } = this.#offer(topic, native, from)
      if (taken === 0) await this.#room()
      else parts.push(failures)
      from += taken
    }
    return (await Promise.all(parts)).flat()
  }

  /** Hands over what there is room for, from a record on. The failures come when all that were taken are settled. */
  #offer(topic: string, records: Native, from: number): { taken: number; failures: Promise<SendFailure[]> } {
    let settle!: (failures: SendFailure[]) => void
    const failures = new Promise<SendFailure[]>((resolve) => (settle = resolve))
    try {
      const taken = this.#producer.producePacked(
        topic,
        records.partition ?? null,
        records,
        { from, to: records.n },
        (failed) => {
          settle((failed ?? []).map(({ index, code }) => ({ index, error: errorOf(code) })).sort(byIndex))
          for (const wake of this.#waiting.splice(0)) wake()
        },
      )
      return { taken, failures }
    } catch (thrown) {
      const error = kafkaError(thrown)
      const taken = records.n - from
      settle(Array.from({ length: taken }, (_, i) => ({ index: from + i, error })))
      return { taken, failures }
    }
  }

  /** Resolves when records are settled, which makes room. */
  #room(): Promise<void> {
    return new Promise((resolve) => {
      // What fills the queue may be records that nobody waits for any more.
      const timer = setTimeout(resolve, ROOM_MS)
      this.#waiting.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

function byIndex(one: SendFailure, other: SendFailure): number {
  return one.index - other.index
}
