import { type ConnectorPlugin, sinkConnector, sourceConnector } from '@connect-run/core'
import { pathNotes } from './packed-path.ts'
import { KafkaSinkTask } from './sink-task.ts'
import { type KafkaSinkConfig, checkSink, sinkSchema } from './sink-config.ts'
import { KafkaSourceTask } from './source-task.ts'
import { type KafkaSourceConfig, checkSource, sourceSchema } from './source-config.ts'

const defaults = { key: 'string', value: 'json' }

/** Settings that mean the same to a consumer and a producer. */
const SHARED_PROPERTY = /^(ssl|sasl|security|socket|broker|reconnect|metadata|topic\.metadata|client)\./

const plugin: ConnectorPlugin = {
  name: 'kafka',
  description: 'Topics of a Kafka cluster, as source and sink',
  source: sourceConnector<KafkaSourceConfig>({
    description: sourceSchema.description!,
    config: sourceSchema,
    defaults,
    check: checkSource,
    create: () => new KafkaSourceTask(),
    streams: ({ topics }) => topics,
  }),
  sink: sinkConnector<KafkaSinkConfig>({
    description: sinkSchema.description!,
    config: sinkSchema,
    defaults,
    check: checkSink,
    create: () => new KafkaSinkTask(),
    traits: () => ({
      ordered: true,
      idempotent: false,
      reads: 'bytes',
      concurrency: 1,
      // What is under way is doubled by a crash.
      batch: { maxRecords: 5000, maxBytes: 4 * 1024 * 1024 },
    }),
  }),
  deadLetterSink: (end, topic) => ({
    ...Object.fromEntries(
      ['brokers', 'clientId', 'connectTimeout', 'tls', 'auth', 'packed']
        .filter((key) => key in end)
        .map((key) => [key, end[key]]),
    ),
    ...sharedProperties(end['properties']),
    topic,
    createTopic: { partitions: 1 },
  }),
  notes: async () => pathNotes((await import('./client/packed-calls.ts')).hasPackedCalls),
}

export default plugin

function sharedProperties(properties: unknown): { properties?: Record<string, unknown> } {
  if (typeof properties !== 'object' || properties === null) return {}
  const shared = Object.entries(properties).filter(([name]) => SHARED_PROPERTY.test(name))
  return shared.length === 0 ? {} : { properties: Object.fromEntries(shared) }
}
