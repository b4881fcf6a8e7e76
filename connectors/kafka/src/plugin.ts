import { type ConnectorPlugin, sinkConnector, sourceConnector } from '@connect-run/core'
import type { Properties } from './connection-config.ts'
import { sinkClaims, sinkExactlyOnce, sourceTraits } from './exactly-once.ts'
import { pathNotes } from './packed-path.ts'
import { probeSink, probeSource } from './probe.ts'
import { sharedProperties } from './shared-properties.ts'
import { KafkaSinkTask } from './sink-task.ts'
import { type KafkaSinkConfig, checkSink, sinkSchema } from './sink-config.ts'
import { KafkaSourceTask } from './source-task.ts'
import { type KafkaSourceConfig, checkSource, sourceSchema } from './source-config.ts'

const defaults = { key: 'string', value: 'json' }

const plugin: ConnectorPlugin = {
  name: 'kafka',
  description: 'Topics of a Kafka cluster, as source and sink',
  source: sourceConnector<KafkaSourceConfig>({
    description: sourceSchema.description!,
    config: sourceSchema,
    defaults,
    check: checkSource,
    probe: (config, context) => probeSource(config, context),
    create: () => new KafkaSourceTask(),
    traits: sourceTraits,
    streams: ({ topics }) => topics,
  }),
  sink: sinkConnector<KafkaSinkConfig>({
    description: sinkSchema.description!,
    config: sinkSchema,
    defaults,
    check: checkSink,
    probe: (config, context) => probeSink(config, context),
    create: () => new KafkaSinkTask(),
    claims: sinkClaims,
    exactlyOnce: sinkExactlyOnce,
    traits: () => ({
      ordered: true,
      idempotent: false,
      reads: 'bytes',
      concurrency: 1,
      // What is under way is doubled by a crash.
      batch: { maxRecords: 5000, maxBytes: 4 * 1024 * 1024 },
    }),
  }),
  deadLetterSink: (end, topic) => ({ ...connectionOf(end), topic, createTopic: { partitions: 1 } }),
  deadLetterSource: (sink, reader) => {
    const { topic } = sink
    if (typeof topic !== 'string' || topic.includes('${')) return undefined
    // No static member: it would keep its place in a group that nobody comes back to.
    return { ...connectionOf(sink), topics: [topic], groupId: reader, instanceId: '' }
  },
  notes: async () => pathNotes((await import('./client/packed-calls.ts')).hasPackedCalls),
}

export default plugin

/** How an end reaches its cluster. */
function connectionOf(end: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names = ['brokers', 'clientId', 'connectTimeout', 'tls', 'auth', 'packed']
  const own = names.filter((key) => key in end).map((key) => [key, end[key]])
  return { ...Object.fromEntries(own), ...propertiesBoth(end['properties']) }
}

function propertiesBoth(properties: unknown): { properties?: Properties } {
  if (typeof properties !== 'object' || properties === null) return {}
  const shared = sharedProperties(properties as Properties)
  return Object.keys(shared).length === 0 ? {} : { properties: shared }
}
