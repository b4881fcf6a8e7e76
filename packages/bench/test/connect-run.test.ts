import { describe, expect, it } from '@jest/globals'
import { configText } from '../src/connect-run.ts'
import { toKafkaPipeline } from '../src/scenarios/file-to-kafka.ts'
import { toFilePipeline } from '../src/scenarios/kafka-to-file.ts'
import { httpPipeline } from '../src/scenarios/kafka-to-http.ts'
import { topicPipeline } from '../src/scenarios/kafka-to-kafka.ts'

const job = { id: 'bench-1-2', folder: '/scratch', bootstrap: '127.0.0.1:9092', topic: 'readings-4' }
const server = { ...job, otherEnd: 'http://127.0.0.1:81' }
const file = { ...job, otherEnd: '/scratch/lines' }

describe('the config of a run', () => {
  it('names worker and state after the run, so that the consumer group and the positions are new', () => {
    expect(configText(job, toFilePipeline(file))).toBe(`name: bench-1-2
state:
  url: "file:/scratch/bench-1-2-state"
pipelines:
  bench:
    source:
      connector: "kafka"
      brokers: "127.0.0.1:9092"
      topics: ["readings-4"]
      value: "string"
    sink:
      connector: "file"
      path: "/scratch/lines"
`)
  })

  it('adds options to either end', () => {
    const pipeline = httpPipeline(server, { source: { packed: false }, sink: { gzip: false, database: 'other' } })
    const text = configText(job, pipeline)
    expect(text).toMatch(/ {6}value: "json"\n {6}packed: false\n {4}sink:\n/)
    expect(text).toMatch(/ {6}database: "other"\n {6}table: "kafka_consumer"\n {6}gzip: false\n$/)
  })

  it('has transforms and a preset where there are any', () => {
    const transforms = [{ filter: { field: 'a', op: 'gt', value: 0 } }, { set: { fields: { b: 'x' } } }]
    const text = configText(job, { ...toFilePipeline(file), transforms, latency: 'low' })
    const steps = '[{"filter":{"field":"a","op":"gt","value":0}},{"set":{"fields":{"b":"x"}}}]'
    expect(text).toContain(`\n    transforms: ${steps}\n    sink:\n`)
    expect(text).toMatch(/\n {4}latency: low\n$/)
  })

  it('reads the file and writes the topic, the other way round', () => {
    const { source, sink } = toKafkaPipeline(file)
    expect(source).toEqual({ connector: 'file', path: '/scratch/lines', value: 'string' })
    const encoding = { value: 'string', compression: 'none' }
    expect(sink).toEqual({ connector: 'kafka', brokers: '127.0.0.1:9092', topic: 'readings-4', ...encoding })
  })

  it('hands bytes on from topic to topic, both by the published binding where that is asked for', () => {
    const { source, sink } = topicPipeline({ ...job, otherEnd: 'target' }, { packed: false })
    expect(source).toMatchObject({ connector: 'kafka', topics: ['readings-4'], value: 'bytes', packed: false })
    expect(sink).toMatchObject({ connector: 'kafka', topic: 'target', value: 'bytes', packed: false })
  })
})
