import type { Ends, Pipeline, Way } from '../connect-run.ts'
import { kcatReader } from '../kcat.ts'
import { loadTopic } from '../load-topic.ts'
import { rawConsumerSubject } from '../raw-consumer.ts'
import type { Scenario } from '../scenario.ts'
import type { SinkProcess } from '../sink-process.ts'
import { startSink } from '../sink-process.ts'
import type { OpenRoute } from '../turns.ts'
import { isPlain } from '../variant.ts'

/** Into a server that takes line protocol as CnosDB does, and counts the lines. */
export const kafkaToHttp: Scenario = {
  title: 'Kafka -> line protocol -> HTTP',
  dimensions: ['partitions', 'valueBytes', 'keyed', 'compression', 'answerMs'],
  partitions: [1, 4],
  setUp: async (bed) => {
    const sink = await startSink()
    return {
      course: async (records, variant) => {
        const topic = await loadTopic(bed, records, variant)
        return { records, open: () => openSink(sink, topic, variant.answerMs) }
      },
      ways: (variant) => [usual, published, ...(isPlain(variant) ? furtherWays : [])],
      others: (_, variant) => [
        kcatReader(bed.kcat),
        ...(isPlain(variant) ? [rawConsumerSubject(variant.partitions)] : []),
      ],
      tearDown: () => sink.stop(),
    }
  },
}

const usual: Way = { name: 'connect-run', pipelineOf: (ends) => httpPipeline(ends) }

const published: Way = {
  name: 'connect-run, published binding',
  pipelineOf: (ends) => httpPipeline(ends, { source: { packed: false } }),
}

const furtherWays: readonly Way[] = [
  { name: 'connect-run, general path', pipelineOf: (ends) => httpPipeline(ends, { sink: { transcode: false } }) },
  {
    name: 'connect-run, filter -> set -> rename',
    pipelineOf: (ends) => ({ ...httpPipeline(ends), transforms: keepAllSetAndRename }),
  },
  { name: 'connect-run, gzip: true', pipelineOf: (ends) => httpPipeline(ends, { sink: { gzip: true } }) },
]

/** Every reading passes the filter, so that all arrive. */
const keepAllSetAndRename: NonNullable<Pipeline['transforms']> = [
  { filter: { field: 'temperature', op: 'gt', value: 0 } },
  { set: { fields: { site: 'oslo' } } },
  { rename: { fields: { visibility: 'sight' } } },
]

async function openSink(sink: SinkProcess, topic: string, answerMs: number): Promise<OpenRoute> {
  await sink.reset({ answerMs })
  const destination = { arrived: async () => (await sink.report()).tally.records, count: () => sink.report() }
  return { topic, otherEnd: sink.url, destination, close: async () => {} }
}

export function httpPipeline(
  { bootstrap, topic, otherEnd }: Ends,
  added: { readonly source?: Pipeline['source']; readonly sink?: Pipeline['sink'] } = {},
): Pipeline {
  const address = { url: otherEnd, username: 'root', database: 'public', table: 'kafka_consumer' }
  return {
    source: { connector: 'kafka', brokers: bootstrap, topics: [topic], value: 'json', ...added.source },
    sink: { connector: 'cnosdb', ...address, ...added.sink },
  }
}
