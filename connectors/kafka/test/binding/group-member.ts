import type { Assignment, KafkaConsumer, LibrdKafkaError } from '@connect-run/connector-kafka/client'
import { call, fetch, type Properties, type RawClients, unpack } from './raw-clients.ts'

const ASSIGN = -175

/** Reads in a group and commits what it has read before it gives partitions up. */
export class Member {
  /** Topic, partition and offset of each row. */
  readonly rows: string[] = []
  readonly owned: Map<number, number> = new Map()
  #consumer!: KafkaConsumer
  #reading: Promise<void> = Promise.resolve()
  #leaving = false

  static async join(clients: RawClients, topic: string, properties: Properties): Promise<Member> {
    const member = new Member()
    const rebalance_cb = (event: LibrdKafkaError, partitions: Assignment[]): void =>
      member.#rebalance(event, partitions)
    member.#consumer = await clients.consumer({ ...properties, rebalance_cb })
    member.#consumer.subscribe([topic])
    member.#reading = member.#read(topic)
    return member
  }

  async leave(): Promise<void> {
    this.#leaving = true
    await this.#reading
    this.#commit([...this.owned.keys()])
    this.#topic = ''
    await call((done) => this.#consumer.disconnect(done as never))
  }

  #topic = ''

  async #read(topic: string): Promise<void> {
    this.#topic = topic
    while (!this.#leaving) {
      const batch = await fetch(this.#consumer, { maxRecords: 100, timeoutMs: 1000, lingerMs: 20 })
      for (const { partition, offset } of unpack(batch)) {
        // Rows of partitions that were given up during the call still arrive.
        if (!this.owned.has(partition)) continue
        this.rows.push(`${partition} ${offset}`)
        this.owned.set(partition, offset + 1)
      }
    }
  }

  #rebalance({ code }: LibrdKafkaError, partitions: Assignment[]): void {
    if (code === ASSIGN) {
      for (const { partition } of partitions) this.owned.set(partition, -1)
      this.#consumer.incrementalAssign(partitions)
      return
    }
    this.#commit(partitions.map(({ partition }) => partition))
    for (const { partition } of partitions) this.owned.delete(partition)
    this.#consumer.incrementalUnassign(partitions)
  }

  #commit(partitions: readonly number[]): void {
    const read = partitions
      .map((partition) => ({ topic: this.#topic, partition, offset: this.owned.get(partition) ?? -1 }))
      .filter(({ offset }) => offset >= 0)
    // A revocation that disconnect makes finds nothing to commit: leave did.
    if (read.length > 0 && this.#topic !== '') this.#consumer.commitSync(read)
  }
}
