import { describe, expect, it } from '@jest/globals'
import { configText } from '../src/connect-run.ts'
import { toKafkaPipeline } from '../src/scenarios/file-to-kafka.ts'
import { toFilePipeline } from '../src/scenarios/kafka-to-file.ts'
import { httpPipeline } from '../src/scenarios/kafka-to-http.ts'

const job = { id: 'bench-1-2', folder: '/scratch', bootstrap: '127.0.0.1:9092', topic: 'readings-4' }
const server = { ...job, otherEnd: 'http://127.0.0.1:81' }
const file = { ...job, otherEnd: '/scratch/lines' }

describe('the config of a run', () => {
  it('names worker and state after the run, so that the consumer group and the positions are new', () => {
    expect(configText(job, toFilePipeline(file))).toBe(`name: bench-1-2
state:
  url: 'file:/scratch/bench-1-2-state'
pipelines:
  bench:
    source:
      connector: kafka
      brokers: 127.0.0.1:9092
      topics: [readings-4]
      value: string
    sink:
      connector: file
      path: /scratch/lines
`)
  })

  it('adds options to the sink, which comes last', () => {
    expect(configText(job, httpPipeline(server, { gzip: false, database: 'other' }))).toMatch(
      / {6}url: http:\/\/127\.0\.0\.1:81\n[^]* {6}database: other\n {6}table: kafka_consumer\n {6}gzip: false\n$/,
    )
  })

  it('reads the file and writes the topic, the other way round', () => {
    const { source, sink } = toKafkaPipeline(file)
    expect(source).toEqual({ connector: 'file', path: '/scratch/lines', value: 'string' })
    const encoding = { value: 'string', compression: 'none' }
    expect(sink).toEqual({ connector: 'kafka', brokers: '127.0.0.1:9092', topic: 'readings-4', ...encoding })
  })
})
