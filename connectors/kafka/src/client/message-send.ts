import { HEADER_STRIDE } from '@connect-run/core'
import type { DeliveryReport, LibrdKafkaError, MessageHeader, Producer } from '../client.ts'
import type { KafkaError } from '../kafka-error.ts'
import { kafkaError } from './native-errors.ts'
import type { OutgoingRecords, SendFailure } from './producer-client.ts'

const QUEUE_FULL = -184
/** How often delivery reports are fetched while some are awaited. */
const POLL_MS = 1

// librdkafka takes a buffer without memory behind it for null.
const EMPTY = Buffer.from('x').subarray(0, 0)

/** One call. Its records are numbered on from the last one's, by which their reports are told apart. */
interface Sending {
  readonly first: number
  readonly count: number
  readonly failures: SendFailure[]
  unsettled: number
  readonly done: () => void
}

/** Sends one message after the other by the published call, and counts a report for each. */
export function messageSend(
  producer: Producer,
  poll: () => void,
): (topic: string, records: OutgoingRecords, signal: AbortSignal) => Promise<SendFailure[]> {
  const messages = new Messages(producer, poll)
  return (topic, records, signal) => messages.send(topic, records, signal)
}

class Messages {
  readonly #producer: Producer
  readonly #poll: () => void
  readonly #sendings = new Set<Sending>()
  #next = 0
  #timer: NodeJS.Timeout | undefined

  constructor(producer: Producer, poll: () => void) {
    this.#producer = producer
    this.#poll = poll
    producer.on('delivery-report', (error, report) => this.#delivered(error, report))
  }

  async send(topic: string, records: OutgoingRecords, signal: AbortSignal): Promise<SendFailure[]> {
    const { count } = records
    if (count === 0) return []
    let done!: () => void
    const ended = new Promise<void>((resolve) => (done = resolve))
    const sending: Sending = { first: this.#next, count, failures: [], unsettled: count, done }
    this.#next += count
    this.#sendings.add(sending)
    this.#timer ??= setInterval(() => this.#poll(), POLL_MS).unref()
    const giveUp = (): void => this.#end(sending)
    signal.addEventListener('abort', giveUp, { once: true })
    void this.#produceAll(sending, topic, records)
    await ended
    signal.removeEventListener('abort', giveUp)
    return sending.failures.sort((one, other) => one.index - other.index)
  }

  /** Waits while the queue is full; its records leave it by their time-out at the latest. */
  async #produceAll(sending: Sending, topic: string, records: OutgoingRecords): Promise<void> {
    const headers = headersByRecord(records)
    for (let i = 0; i < records.count && this.#sendings.has(sending);) {
      const failure = this.#produce(sending.first + i, i, { topic, records, headers })
      if (failure?.code === QUEUE_FULL) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
        continue
      }
      if (failure !== undefined) this.#settle(sending, i, failure)
      i++
    }
  }

  #produce(number: number, i: number, outgoing: Outgoing): KafkaError | undefined {
    const { topic, records, headers } = outgoing
    const { buffer, keyStart, keyEnd, valueStart, valueEnd } = records
    const key = bytesOf(buffer, keyStart[i]!, keyEnd[i]!)
    const value = bytesOf(buffer, valueStart[i]!, valueEnd[i]!)
    const time = records.timestamp[i]!
    try {
      this.#producer.produce(
        topic,
        records.partition ?? null,
        value,
        key,
        time < 0 ? null : time,
        number,
        headers?.get(i),
      )
      return undefined
    } catch (error) {
      return kafkaError(error)
    }
  }

  #delivered(error: LibrdKafkaError | null, report: DeliveryReport): void {
    const number = report.opaque as number
    for (const sending of this.#sendings) {
      const index = number - sending.first
      if (index < 0 || index >= sending.count) continue
      return this.#settle(sending, index, error === null ? undefined : kafkaError(error))
    }
  }

  #settle(sending: Sending, index: number, error: KafkaError | undefined): void {
    if (error !== undefined) sending.failures.push({ index, error })
    if (--sending.unsettled === 0) this.#end(sending)
  }

  #end(sending: Sending): void {
    this.#sendings.delete(sending)
    if (this.#sendings.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    sending.done()
  }
}

interface Outgoing {
  readonly topic: string
  readonly records: OutgoingRecords
  readonly headers: ReadonlyMap<number, MessageHeader[]> | undefined
}

function bytesOf(buffer: Buffer, start: number, end: number): Buffer | null {
  if (end < 0) return null
  return start === end ? EMPTY : buffer.subarray(start, end)
}

/** Header values as text, which is all that the published call takes. */
function headersByRecord({ headers, buffer }: OutgoingRecords): ReadonlyMap<number, MessageHeader[]> | undefined {
  if (headers === null) return undefined
  const byRecord = new Map<number, MessageHeader[]>()
  for (let h = 0; h < headers.length; h += HEADER_STRIDE) {
    const name = buffer.toString('utf8', headers[h + 1], headers[h + 2])
    const header = { [name]: buffer.toString('utf8', headers[h + 3], headers[h + 4]) }
    const list = byRecord.get(headers[h]!)
    if (list === undefined) byRecord.set(headers[h]!, [header])
    else list.push(header)
  }
  return byRecord
}
