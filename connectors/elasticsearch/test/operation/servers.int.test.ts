import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import type { RecordBatch } from '@connect-run/core'
import * as fc from 'fast-check'
import { type SearchApi, searchAt, service } from '@connect-run/testkit/services'
import { MOST_LEVELS } from '../../src/operation/depth.ts'
import { MAX_ID_BYTES } from '../../src/operation/document-id.ts'
import { indexName } from '../../src/operation/index-name.ts'
import { OperationEncoder } from '../../src/operation/operations.ts'
import { sinkConfig } from '../support.ts'
import { jsonObjectText } from './json-arbitraries.ts'
import { type Options, TIME, type TestRecord, batchOf, jsonBatchOf } from './support.ts'

interface Answer {
  readonly items: readonly Readonly<
    Record<string, { readonly status: number; readonly error?: { readonly type: string } }>
  >[]
}

for (const flavor of ['opensearch', 'elasticsearch7', 'elasticsearch8'] as const) {
  const server = await service(flavor)

  server.describe(flavor, () => {
    let api: SearchApi
    let name: string
    const made = new Set<string>()

    beforeEach(() => {
      api = searchAt(server.address)
      name = `e2-${randomUUID().slice(0, 8)}`
    })
    afterEach(async () => {
      for (const index of made) await api.request('DELETE', `/${encodeURIComponent(index)}`).catch(() => undefined)
      made.clear()
    })

    /** Status of each operation, with the type of its error. */
    async function send(body: string): Promise<string[]> {
      const { items } = await api.request<Answer>('POST', '/_bulk?refresh=true', body)
      return items.map((item) => {
        const { status, error } = Object.values(item)[0]!
        return error === undefined ? String(status) : `${status} ${error.type}`
      })
    }

    async function write(batch: RecordBatch, options: Options): Promise<string[]> {
      const { body, failures, indices } = new OperationEncoder(sinkConfig(options)).encode(batch)
      expect(failures).toEqual([])
      for (const index of indices) made.add(index)
      return send(body.toString())
    }

    const writeAll = (records: readonly TestRecord[], options: Options): Promise<string[]> =>
      write(batchOf(records), { index: name, ...options })

    it('lives with the deepest document that is sent', async () => {
      await api.createIndex(name, { mappings: { dynamic: false } })
      const value = Buffer.from(`${'{"a":'.repeat(MOST_LEVELS)}1${'}'.repeat(MOST_LEVELS)}`)
      expect(await write(jsonBatchOf([{ value }]), { index: name })).toEqual(['201'])
    })

    it('refuses the names that are made into others here, and takes those', async () => {
      const around = Array.from('\\/*?"<>| ,#:', (character) => `${name}${character}x`)
      const texts = [...around, `-${name}`, `_${name}`, `+${name}`, name.toUpperCase(), '.', '..', 'x'.repeat(256)]
      const raw = texts.map((text) => `{"index":{"_index":${JSON.stringify(text)},"_id":"1"}}\n{"a":1}\n`).join('')
      const refused = await send(raw)
      expect(refused).toEqual(
        texts.map(() => expect.stringMatching(/^4\d\d (invalid_index_name|illegal_argument)_exception/)),
      )
      // One index is enough to show that a name is taken.
      const names = new Set(texts.slice(0, -3).map((text) => indexName(text)))
      expect([...names]).toEqual([`${name}_x`, name])
      const written = await write(batchOf([...names].map((stream) => ({ value: { a: 1 }, stream }))), {})
      expect(written).toEqual(['201', '201'])
    })

    it('takes an id of 512 bytes, and no whole request with a longer one', async () => {
      expect(await writeAll([{ value: {}, key: '€'.repeat(170) + 'xx' }], { id: 'key' })).toEqual(['201'])
      const long = `{"index":{"_index":"${name}","_id":"${'x'.repeat(MAX_ID_BYTES + 1)}"}}\n{}\n`
      await expect(send(long)).rejects.toThrow('answered 400')
      expect(await send(`{"index":{"_index":"${name}","_id":""}}\n{}\n`)).toEqual(['400 illegal_argument_exception'])
    })

    it('stores every digit and every type', async () => {
      const value = {
        id: 9223372036854775807n,
        low: -9223372036854775808n,
        raw: Buffer.from([0, 255]),
        at: new Date(TIME),
        map: new Map([[1, 'a']]),
      }
      expect(await writeAll([{ value }], {})).toEqual(['201'])
      const stored = await api.text('GET', `/${name}/_search?filter_path=hits.hits`)
      expect(stored).toContain(
        '{"id":9223372036854775807,"low":-9223372036854775808,"raw":"AP8=","at":"2024-05-01T12:30:00.000Z","map":[{"key":1,"value":"a"}]}',
      )
      expect(stored).toContain(`"_id":"oceanic+0+0+${TIME}"`)
    })

    it('takes bytes as they are, whatever stands around them, and again changes nothing', async () => {
      const values = ['{"a":"\\u00e9\\n€"}', ' {"a":\n2}\r\n', '{"a":3}\r', '{}'].map((text) => ({
        value: Buffer.from(text),
      }))
      const options = { index: name, metadata: 'record' }
      expect(await write(jsonBatchOf(values), options)).toEqual(['201', '201', '201', '201'])
      expect(await write(jsonBatchOf(values), options)).toEqual(['200', '200', '200', '200'])
      const documents = (await api.documents(name)).map(
        ({ source }) => source as { a?: unknown; record: { offset: number } },
      )
      documents.sort((a, b) => a.record.offset - b.record.offset)
      expect(documents.map(({ a }) => a)).toEqual(['é\n€', 2, 3, undefined])
    })

    it('stores whatever objects there are, however they are written', async () => {
      await api.createIndex(name, { mappings: { enabled: false } })
      made.add(name)
      const texts = fc.sample(jsonObjectText, { numRuns: 500, seed: 1 })
      const batch = jsonBatchOf(texts.map((text) => ({ value: Buffer.from(text) })))
      expect(new Set(await write(batch, { index: name }))).toEqual(new Set(['201']))
      const found = (await api.documents(name)).map(({ id, source }) => [id, source] as const)
      const expected = texts.map((text, n) => [`oceanic+0+${n}+${TIME}`, JSON.parse(text) as unknown] as const)
      expect(new Map(found)).toEqual(new Map(expected as typeof found))
    })

    it('judges alone what is no JSON between its braces', async () => {
      const values = ['{"a":1}', '{"a":}', '{"a":1}{"b":1}', '{"a":1,"a":2}', '{"a":2}'].map((text) => ({
        value: Buffer.from(text),
      }))
      const statuses = await write(jsonBatchOf(values), { index: name })
      expect(statuses).toEqual(['201', ...Array<unknown>(3).fill(expect.stringMatching(/^400 /)), '201'])
    })

    it('knows every member of an action line', async () => {
      await api.createIndex(name, { aliases: { [`${name}-alias`]: {} } })
      made.add(name)
      const options = {
        index: `${name}-alias`,
        id: 'key',
        requireAlias: true,
        routing: '${value.r}',
        version: 'offset',
      }
      expect(await writeAll([{ value: { r: 'x', n: 1 }, key: 'a', offset: 7 }], options)).toEqual(['201'])
      expect(await writeAll([{ value: { r: 'x', n: 2 }, key: 'a', offset: 6 }], options)).toEqual([
        '409 version_conflict_engine_exception',
      ])
      const split = batchOf([{ value: {}, key: 'a', offset: 8 }]).expand(
        [0, 0],
        [
          { r: 'x', n: 3 },
          { r: 'x', n: 4 },
        ],
      )
      expect(await write(split, { ...options, id: '${value.r}', tombstones: 'skip' })).toEqual(['201', '200'])
      const documents = await api.documents(name)
      const found = documents.map(({ id, version, routing, source }) => [id, version, routing, source['n']])
      expect(new Set(found)).toEqual(
        new Set([
          ['a', 7, 'x', 1],
          ['x', 8, 'x', 4],
        ]),
      )
      const last = [{ value: { r: 'x' }, key: 'a', offset: 9 }]
      expect(await writeAll(last, { ...options, action: 'delete' })).toEqual(['200'])
      expect(await writeAll([{ value: { r: 'x' }, key: 'a' }], { requireAlias: true })).toEqual([
        expect.stringMatching(/^404 /),
      ])
    })

    it('merges updates into documents, adds them, or does not', async () => {
      const options = { action: 'update', id: 'key' }
      expect(await writeAll([{ value: { a: 1, id: 9223372036854775807n }, key: 'k' }], options)).toEqual(['201'])
      expect(await writeAll([{ value: { b: 2 }, key: 'k' }], { ...options, update: { upsert: false } })).toEqual([
        '200',
      ])
      expect(await writeAll([{ value: { b: 2 }, key: 'x' }], { ...options, update: { upsert: false } })).toEqual([
        '404 document_missing_exception',
      ])
      const stored = await api.text('GET', `/${name}/_search?filter_path=hits.hits._source`)
      expect(stored).toContain('{"a":1,"id":9223372036854775807,"b":2}')
      expect(
        await writeAll(
          [
            { value: null, key: 'k' },
            { value: null, key: 'k' },
          ],
          { ...options },
        ),
      ).toEqual(['200', '404'])
    })

    if (flavor === 'opensearch') {
      it('runs scripts with parameters', async () => {
        const source = 'ctx._source.n = (ctx._source.n == null ? 0 : ctx._source.n) + params.by.n'
        const script = { source, lang: 'painless', params: { by: '${value}' } }
        const options = { action: 'update', id: 'key', update: { script, scriptedUpsert: true } }
        const records = [3, 4].map((n) => ({ value: { n }, key: 'k' }))
        const first = { ...options, update: { script } }
        expect(await writeAll(records.slice(0, 1), first)).toEqual(['201'])
        expect(await writeAll(records.slice(1), options)).toEqual(['200'])
        expect(await writeAll([{ value: { n: 5 }, key: 'new' }], options)).toEqual(['201'])
        const documents = await api.documents(name)
        expect(Object.fromEntries(documents.map(({ id, source: { n } }) => [id, n]))).toEqual({ k: 7, new: 10 })
      })
    }

    if (flavor !== 'elasticsearch7') {
      it('takes what goes to a data stream', async () => {
        const dataset = name.replace('-', '')
        const template = { index_patterns: [`logs-${dataset}-*`], data_stream: {}, priority: 500 }
        await api.request('PUT', `/_index_template/${name}`, template)
        const batch = jsonBatchOf(['{"n":1}', '{"@timestamp":5}'].map((text) => ({ value: Buffer.from(text) })))
        const { body } = new OperationEncoder(sinkConfig({ dataStream: { dataset } })).encode(batch)
        expect(await send(body.toString())).toEqual(['201', '201'])
        expect(await send(body.toString())).toEqual(Array(2).fill('409 version_conflict_engine_exception'))
        await api.request('DELETE', `/_data_stream/logs-${dataset}-default`).catch(() => undefined)
        await api.request('DELETE', `/_index_template/${name}`).catch(() => undefined)
      })
    }
  })
}
