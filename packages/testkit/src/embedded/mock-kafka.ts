import type { Metadata, ProducerGlobalConfig } from '@connect-run/connector-kafka/client'

/**
 * librdkafka's own mock cluster: groups, commits and rebalances behave; there is no admin API, no retention by time,
 * no fencing, and topics are made with 4 partitions by the first metadata request. At most 5 MiB stay in a partition.
 */
export interface MockKafka {
  /** `host:port` of every broker, comma-separated; any client of any process may use it. */
  readonly bootstrap: string
  /** The cluster and its data are gone. */
  stop(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 5000

export async function startMockKafka(options: { readonly brokers?: number } = {}): Promise<MockKafka> {
  const { default: Kafka } = await import('@connect-run/connector-kafka/client')
  const host = new Kafka.Producer({
    'test.mock.num.brokers': options.brokers ?? 1,
    'bootstrap.servers': 'unused',
    log_level: 0,
  } as ProducerGlobalConfig)
  const metadata = await new Promise<Metadata>((resolve, reject) => {
    host.connect({ allTopics: false, timeout: CONNECT_TIMEOUT_MS }, (error, found) => {
      if (error) reject(error)
      else resolve(found)
    })
  })
  const stop = (): Promise<void> => new Promise((resolve) => host.disconnect(() => resolve()))
  return { bootstrap: metadata.brokers.map((broker) => `${broker.host}:${broker.port}`).join(','), stop }
}
