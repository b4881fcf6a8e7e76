import type { Logger } from '@connect-run/core'
import type { ProducerClient } from './client/producer-client.ts'
import { isKafkaError } from './kafka-error.ts'
import { explaining } from './error-map.ts'
import type { NewTopicConfig } from './sink-config.ts'

const ASK_TIMEOUT_MS = 5000
const TIMED_OUT = -185
const ALREADY_EXISTS = 36

/** Creates topics where the config says so, each name once. */
export class TopicCreation {
  readonly #known = new Set<string>()
  readonly #client: ProducerClient
  readonly #topic: NewTopicConfig
  readonly #logger: Logger

  constructor(client: ProducerClient, topic: NewTopicConfig, logger: Logger) {
    this.#client = client
    this.#topic = topic
    this.#logger = logger
  }

  /** Topics may have been deleted: looks again. */
  forget(): void {
    this.#known.clear()
  }

  /** Resolves with whether any was made: one that the brokers had not yet told of is not. */
  async ensure(names: Iterable<string>): Promise<boolean> {
    const unknown = [...new Set(names)].filter((name) => !this.#known.has(name))
    if (unknown.length === 0) return false
    const existing = await explaining("can't list topics", () => this.#client.topics(ASK_TIMEOUT_MS))
    let isAnyMade = false
    for (const name of unknown) {
      if (!existing.has(name)) {
        const isMade = await explaining(`can't create the topic ${name}`, () => this.#create(name))
        isAnyMade ||= isMade
      }
      this.#known.add(name)
    }
    return isAnyMade
  }

  async #create(name: string): Promise<boolean> {
    const { partitions, replicationFactor, config = {} } = this.#topic
    const settings = Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)]))
    try {
      await this.#client.createTopic({ name, partitions, replicationFactor, config: settings }, ASK_TIMEOUT_MS)
      this.#logger.info({ topic: name, partitions, replicationFactor }, `created the topic ${name}`)
    } catch (error) {
      if (isKafkaError(error) && error.code === ALREADY_EXISTS) return false
      // Some brokers have no admin interface, but create topics when asked for them.
      if (!isKafkaError(error) || error.code !== TIMED_OUT) throw error
      await this.#client.touchTopic(name, ASK_TIMEOUT_MS)
    }
    return true
  }
}
