import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pipeline } from '../connect-run.ts'
import { connectRunSubject } from '../connect-run.ts'
import { fileDestination } from '../file-destination.ts'
import { kafkaConnectSubject } from '../kafka-connect.ts'
import { kcatToFile } from '../kcat.ts'
import { loadTopic } from '../load-topic.ts'
import type { Scenario } from '../scenario.ts'
import type { Job } from '../subject.ts'
import type { Course } from '../turns.ts'

/** Every message a line of one file. */
export const kafkaToFile: Scenario = {
  title: 'Kafka -> file',
  partitions: () => [1],
  setUp: (bed) =>
    Promise.resolve({
      course: async (records, partitions) => intoFile(await loadTopic(bed, records, partitions), records, bed.folder),
      connectRun: (name, nodeFlags) => connectRunSubject(name, toFilePipeline, nodeFlags),
      others: (course) => [
        kcatToFile(bed.kcat),
        kafkaConnectSubject('Kafka Connect FileStreamSink', fileStreamSink),
        kafkaConnectSubject('Kafka Connect, warmed up', fileStreamSink, course),
      ],
      tearDown: async () => {},
    }),
}

function intoFile(topic: string, records: number, folder: string): Course {
  return {
    records,
    open: (id) => {
      const otherEnd = join(folder, `${id}.out`)
      const destination = fileDestination(otherEnd, Date.now)
      const close = async (): Promise<void> => {
        destination.close()
        await rm(otherEnd, { force: true })
      }
      return Promise.resolve({ topic, otherEnd, destination, close })
    },
  }
}

export function toFilePipeline({
  bootstrap,
  topic,
  otherEnd,
}: Pick<Job, 'bootstrap' | 'topic' | 'otherEnd'>): Pipeline {
  return {
    source: { connector: 'kafka', brokers: bootstrap, topics: `[${topic}]`, value: 'string' },
    sink: { connector: 'file', path: otherEnd },
  }
}

function fileStreamSink({ topic, otherEnd }: Job): Record<string, string> {
  return { 'connector.class': 'FileStreamSink', topics: topic, file: otherEnd }
}
