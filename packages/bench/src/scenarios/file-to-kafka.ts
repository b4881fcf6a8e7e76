import { join } from 'node:path'
import type { Pipeline } from '../connect-run.ts'
import { connectRunSubject } from '../connect-run.ts'
import { kafkaConnectSubject } from '../kafka-connect.ts'
import { kcatFromFile } from '../kcat.ts'
import { writeReadings } from '../readings.ts'
import type { Scenario } from '../scenario.ts'
import type { Job } from '../subject.ts'
import { APPEND_TIME, topicDestination } from '../topic-destination.ts'
import type { Bed, Course } from '../turns.ts'

/** Every line of one file a message, each of them acknowledged. */
export const fileToKafka: Scenario = {
  title: 'file -> Kafka',
  partitions: () => [1],
  setUp: (bed) =>
    Promise.resolve({
      course: async (records, partitions) => {
        const file = join(bed.folder, `lines-${records}.jsonl`)
        await writeReadings(file, records)
        return intoTopics(bed, { file, records, partitions })
      },
      connectRun: (name, nodeFlags) => connectRunSubject(name, toKafkaPipeline, nodeFlags),
      others: (course) => [
        kcatFromFile(bed.kcat),
        kafkaConnectSubject('Kafka Connect FileStreamSource', fileStreamSource),
        kafkaConnectSubject('Kafka Connect, warmed up', fileStreamSource, course),
      ],
      tearDown: async () => {},
    }),
}

interface Input {
  readonly file: string
  readonly records: number
  readonly partitions: number
}

/** Each run has a topic of its own. */
function intoTopics(bed: Bed, { file, records, partitions }: Input): Course {
  return {
    records,
    open: async (topic) => {
      await bed.kafka.createTopic(topic, { partitions, config: APPEND_TIME })
      const destination = topicDestination(bed, topic)
      return { topic, otherEnd: file, destination, close: () => bed.kafka.deleteTopic(topic) }
    },
  }
}

export function toKafkaPipeline({
  bootstrap,
  topic,
  otherEnd,
}: Pick<Job, 'bootstrap' | 'topic' | 'otherEnd'>): Pipeline {
  return {
    source: { connector: 'file', path: otherEnd, value: 'string' },
    // The others do not compress by default.
    sink: { connector: 'kafka', brokers: bootstrap, topic, value: 'string', compression: 'none' },
  }
}

function fileStreamSource({ topic, otherEnd }: Job): Record<string, string> {
  return { 'connector.class': 'FileStreamSource', topic, file: otherEnd }
}
