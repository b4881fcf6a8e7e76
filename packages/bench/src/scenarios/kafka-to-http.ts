import type { Pipeline } from '../connect-run.ts'
import { connectRunSubject } from '../connect-run.ts'
import { kcatReader } from '../kcat.ts'
import { loadTopic } from '../load-topic.ts'
import { rawConsumerSubject } from '../raw-consumer.ts'
import type { Scenario } from '../scenario.ts'
import type { SinkProcess } from '../sink-process.ts'
import { startSink } from '../sink-process.ts'
import type { Job } from '../subject.ts'
import type { OpenRoute } from '../turns.ts'

/** Into a server that takes line protocol as CnosDB does, and counts the lines. */
export const kafkaToHttp: Scenario = {
  title: 'Kafka -> line protocol -> HTTP',
  partitions: ({ partitions }) => partitions,
  setUp: async (bed) => {
    const sink = await startSink()
    const plain = connectRunSubject('connect-run, gzip: false', (job) => httpPipeline(job, { gzip: false }))
    return {
      course: async (records, partitions) => {
        const topic = await loadTopic(bed, records, partitions)
        return { records, open: () => openSink(sink, topic) }
      },
      connectRun: (name, nodeFlags) => connectRunSubject(name, httpPipeline, nodeFlags),
      others: (_, partitions) => [kcatReader(bed.kcat), rawConsumerSubject(partitions), plain],
      tearDown: () => sink.stop(),
    }
  },
}

async function openSink(sink: SinkProcess, topic: string): Promise<OpenRoute> {
  await sink.reset()
  const destination = { arrived: async () => (await sink.report()).tally.records, count: () => sink.report() }
  return { topic, otherEnd: sink.url, destination, close: async () => {} }
}

export function httpPipeline(
  { bootstrap, topic, otherEnd }: Pick<Job, 'bootstrap' | 'topic' | 'otherEnd'>,
  sinkOptions: Pipeline['sink'] = {},
): Pipeline {
  const address = { url: otherEnd, username: 'root', database: 'public', table: 'kafka_consumer' }
  return {
    source: { connector: 'kafka', brokers: bootstrap, topics: `[${topic}]`, value: 'json' },
    sink: { connector: 'cnosdb', ...address, ...sinkOptions },
  }
}
