import { join } from 'node:path'
import type { Ends, Pipeline, Way } from '../connect-run.ts'
import { kafkaConnectSubject } from '../kafka-connect.ts'
import { kcatFromFile } from '../kcat.ts'
import { writeReadings } from '../readings.ts'
import type { Scenario } from '../scenario.ts'
import type { Job } from '../subject.ts'
import { newTopic } from '../topic-destination.ts'
import type { Course } from '../turns.ts'
import { isPlain } from '../variant.ts'

/** Every line of one file a message, each of them acknowledged. */
export const fileToKafka: Scenario = {
  title: 'file -> Kafka',
  dimensions: ['partitions', 'valueBytes'],
  partitions: [1],
  setUp: (bed) =>
    Promise.resolve({
      course: async (records, variant) => {
        const file = join(bed.folder, `lines-${records}-${variant.valueBytes}.jsonl`)
        await writeReadings(file, records, variant)
        const open: Course['open'] = async (topic) => ({
          topic,
          otherEnd: file,
          ...(await newTopic(bed, topic, variant)),
        })
        return { records, open }
      },
      ways: () => [usual, published],
      others: (course, variant) => [
        kcatFromFile(bed.kcat),
        ...(isPlain(variant)
          ? [
              kafkaConnectSubject('Kafka Connect FileStreamSource', fileStreamSource),
              kafkaConnectSubject('Kafka Connect, warmed up', fileStreamSource, course),
            ]
          : []),
      ],
      tearDown: async () => {},
    }),
}

const usual: Way = { name: 'connect-run', pipelineOf: (ends) => toKafkaPipeline(ends) }

const published: Way = {
  name: 'connect-run, published binding',
  pipelineOf: (ends) => toKafkaPipeline(ends, { packed: false }),
}

export function toKafkaPipeline({ bootstrap, topic, otherEnd }: Ends, sink: Pipeline['sink'] = {}): Pipeline {
  return {
    source: { connector: 'file', path: otherEnd, value: 'string' },
    // The others do not compress by default.
    sink: { connector: 'kafka', brokers: bootstrap, topic, value: 'string', compression: 'none', ...sink },
  }
}

function fileStreamSource({ topic, otherEnd }: Job): Record<string, string> {
  return { 'connector.class': 'FileStreamSource', topic, file: otherEnd }
}
