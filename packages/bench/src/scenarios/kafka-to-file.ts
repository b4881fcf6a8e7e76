import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type RedisServer, startRedis } from '@connect-run/testkit/services'
import type { Ends, Pipeline, Way } from '../connect-run.ts'
import { fileDestination } from '../file-destination.ts'
import { kafkaConnectSubject } from '../kafka-connect.ts'
import { kcatToFile } from '../kcat.ts'
import { loadTopic } from '../load-topic.ts'
import type { Scenario } from '../scenario.ts'
import type { Job } from '../subject.ts'
import type { Course } from '../turns.ts'
import { isPlain } from '../variant.ts'

/** Every message a line of one file. */
export const kafkaToFile: Scenario = {
  title: 'Kafka -> file',
  dimensions: ['partitions', 'valueBytes', 'keyed', 'compression'],
  partitions: [1],
  setUp: async (bed) => {
    const redis = await startRedis()
    return {
      course: async (records, variant) => {
        const topic = await loadTopic(bed, records, variant)
        return intoFile({ topic, records, folder: bed.folder, valueBytes: variant.valueBytes })
      },
      ways: (variant) => (isPlain(variant) ? [usual, published, redisState(redis)] : [usual, published]),
      others: (course, variant) => [
        kcatToFile(bed.kcat),
        ...(isPlain(variant)
          ? [
              kafkaConnectSubject('Kafka Connect FileStreamSink', fileStreamSink),
              kafkaConnectSubject('Kafka Connect, warmed up', fileStreamSink, course),
            ]
          : []),
      ],
      tearDown: () => redis.stop(),
    }
  },
}

const usual: Way = { name: 'connect-run', pipelineOf: (ends) => toFilePipeline(ends) }

const published: Way = {
  name: 'connect-run, published binding',
  pipelineOf: (ends) => toFilePipeline(ends, { packed: false }),
}

/** Its append-only file is synced with each write. */
function redisState({ url, version }: RedisServer): Way {
  return {
    name: `connect-run, state in Redis ${version}`,
    pipelineOf: (ends) => ({ ...toFilePipeline(ends), state: url }),
  }
}

interface Input {
  readonly topic: string
  readonly records: number
  readonly folder: string
  readonly valueBytes: number
}

function intoFile({ topic, records, folder, valueBytes }: Input): Course {
  return {
    records,
    open: (id) => {
      const otherEnd = join(folder, `${id}.out`)
      const destination = fileDestination(otherEnd, valueBytes, Date.now)
      const close = async (): Promise<void> => {
        destination.close()
        await rm(otherEnd, { force: true })
      }
      return Promise.resolve({ topic, otherEnd, destination, close })
    },
  }
}

export function toFilePipeline({ bootstrap, topic, otherEnd }: Ends, source: Pipeline['source'] = {}): Pipeline {
  return {
    source: { connector: 'kafka', brokers: bootstrap, topics: [topic], value: 'string', ...source },
    sink: { connector: 'file', path: otherEnd },
  }
}

function fileStreamSink({ topic, otherEnd }: Job): Record<string, string> {
  return { 'connector.class': 'FileStreamSink', topics: topic, file: otherEnd }
}
