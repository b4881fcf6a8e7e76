import type { Ends, Pipeline, Way } from '../connect-run.ts'
import { kcatPipe } from '../kcat.ts'
import { loadTopic } from '../load-topic.ts'
import type { Scenario } from '../scenario.ts'
import { newTopic } from '../topic-destination.ts'
import type { Course } from '../turns.ts'

/** From one topic into another with as many partitions, each record acknowledged. */
export const kafkaToKafka: Scenario = {
  title: 'Kafka -> Kafka',
  dimensions: ['partitions', 'valueBytes', 'keyed', 'compression'],
  partitions: [1],
  setUp: (bed) =>
    Promise.resolve({
      course: async (records, variant) => {
        const topic = await loadTopic(bed, records, variant)
        const open: Course['open'] = async (target) => ({
          topic,
          otherEnd: target,
          ...(await newTopic(bed, target, variant)),
        })
        return { records, open }
      },
      ways: () => [usual, published],
      others: () => [kcatPipe(bed.kcat)],
      tearDown: async () => {},
    }),
}

const usual: Way = { name: 'connect-run', pipelineOf: (ends) => topicPipeline(ends) }

const published: Way = {
  name: 'connect-run, published binding',
  pipelineOf: (ends) => topicPipeline(ends, { packed: false }),
}

export function topicPipeline({ bootstrap, topic, otherEnd }: Ends, both: Pipeline['source'] = {}): Pipeline {
  const cluster = { connector: 'kafka', brokers: bootstrap, value: 'bytes', ...both }
  return {
    source: { ...cluster, topics: [topic] },
    // kcat does not compress by default.
    sink: { ...cluster, topic: otherEnd, compression: 'none' },
  }
}
