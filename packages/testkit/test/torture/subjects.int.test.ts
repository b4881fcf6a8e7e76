import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadWorkerConfig } from '@connect-run/core/runtime'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type Subjects, subjectsOf } from '../../src/torture/subjects.ts'

// Within the workspace, whose connectors the config names.
const here = new URL('.', import.meta.url).pathname
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(here, '.subjects-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function subjects(source: string, sink: string, workers = 1): Promise<Subjects> {
  const file = join(folder, 'config.yaml')
  writeFileSync(file, `name: t\npipelines: { p: { source: ${source}, sink: ${sink} } }\n`)
  const { config, diagnostics } = await loadWorkerConfig(file, { env: {} })
  if (config === undefined) throw new Error(JSON.stringify(diagnostics))
  return subjectsOf(config, workers)
}

const kafka = '{ connector: kafka, brokers: [a:1, b:2], topics: [t] }'
const toKafka = '{ connector: kafka, brokers: "a:1", topic: t }'
const file = '{ connector: file, path: a }'
const cnosdb = '{ connector: cnosdb, url: "http://c:1/", username: u, password: p, database: d, table: t }'

it('finds the ends and what is promised of them', async () => {
  const fromKafka = { name: 'p', source: { kind: 'kafka', bootstrap: 'a:1,b:2' } }
  const end = { kind: 'cnosdb', url: 'http://c:1', database: 'd', username: 'u', password: 'p' }
  expect(await subjects(kafka, cnosdb)).toEqual({ pipelines: [{ ...fromKafka, sink: end, once: true }], refused: [] })
  expect((await subjects(file, file)).pipelines).toEqual([
    { name: 'p', source: { kind: 'file' }, sink: { kind: 'file' }, once: true },
  ])
  const loose = (await subjects(kafka, toKafka)).pipelines
  expect(loose).toEqual([{ ...fromKafka, sink: { kind: 'kafka', bootstrap: 'a:1' }, once: false }])
})

it.each([
  ['{ connector: generator, count: 1, fields: { a: { type: sequence } } }', file, 'not into generator'],
  ['{ connector: file, path: a, format: csv }', file, 'line by line'],
  ['{ connector: file, path: a, compression: gzip }', file, 'compressed'],
  [file, '{ connector: file, path: "-" }', 'standard output'],
  [kafka.replace(' }', ', tls: {} }'), file, '`tls`'],
  [kafka, cnosdb.replace('http:', 'https:'), 'no https'],
  [kafka, cnosdb.replace('table', 'api: influxdb, table'), 'api: cnosdb'],
])('leaves %s -> %s out, and says why', async (source, sink, why) => {
  const { pipelines, refused } = await subjects(source, sink)
  expect(pipelines).toEqual([])
  expect(refused).toEqual([{ name: 'p', why: expect.stringContaining(why) }])
})

it('lets one worker only write a file', async () => {
  expect((await subjects(kafka, file, 2)).refused).toEqual([{ name: 'p', why: expect.stringContaining('one writer') }])
  expect((await subjects(kafka, cnosdb, 2)).refused).toEqual([])
})
