import { expect, it } from '@jest/globals'
import { configOf } from '../src/connect-run.ts'

const job = { id: 'bench-1-2', bootstrap: '127.0.0.1:9092', topic: 'readings-4', sink: { url: 'http://127.0.0.1:81' } }

it('names the worker after the run, so that the consumer group is new', () => {
  const lines = configOf(job, {}).split('\n')
  expect(lines[0]).toBe('name: bench-1-2')
  expect(lines).toContain('      brokers: 127.0.0.1:9092')
  expect(lines).toContain('      topics: [readings-4]')
  expect(lines).toContain('      url: http://127.0.0.1:81')
})

it('adds options to the sink, which comes last', () => {
  expect(configOf(job, { gzip: false, database: 'other' })).toMatch(
    / {6}table: kafka_consumer\n {6}gzip: false\n {6}database: other\n$/,
  )
})
