import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from '@jest/globals'
import { type Converter, type RowFailure, errorKind, isConnectError, isPartialBatch } from '@connect-run/core'
import { pollUntil } from '@connect-run/testkit'
import { type CnosdbServer, type CnosdbServerOptions, startCnosdbServer } from '@connect-run/testkit/embedded'
import type { CnosdbSinkConfig } from '../src/sink-config.ts'
import { CnosdbSinkTask } from '../src/sink-task.ts'
import { type TestRecord, batchOf, contextOf, json, jsonBatchOf, sinkConfig, why } from './support.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

const { signal } = new AbortController()

async function serve(options: CnosdbServerOptions = {}): Promise<CnosdbServer> {
  const server = await startCnosdbServer(options)
  closing.push(() => server.stop())
  return server
}

function taskFor(url: string, options: Partial<CnosdbSinkConfig> = {}): CnosdbSinkTask & { begin(): Promise<void> } {
  const config = sinkConfig({ url, ...options })
  const task = new CnosdbSinkTask(config)
  closing.push(() => task.stop())
  return Object.assign(task, { begin: () => task.start(contextOf(config)) })
}

async function started(server: CnosdbServer, options: Partial<CnosdbSinkConfig> = {}): Promise<CnosdbSinkTask> {
  const task = taskFor(server.url, options)
  await task.begin()
  return task
}

/** Kind, code and text of what a call throws; for a partial failure, of each row. */
async function thrownBy(call: Promise<void>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error === undefined) return 'nothing'
  if (!isConnectError(error)) throw error
  return `${errorKind(error)} ${error.code}: ${error.message} ${error.hint ?? ''}`
}

async function failuresOf(call: Promise<void>): Promise<readonly RowFailure[]> {
  try {
    await call
    return []
  } catch (error) {
    if (!isPartialBatch(error)) throw error
    return error.failures
  }
}

function readings(count: number): TestRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    value: { pressure: i / 10, visibility: 1.5 },
    partition: i % 4,
    offset: i,
  }))
}

describe('put', () => {
  it.each([false, true])('writes a batch in one request, gzip: %s, and a second time nothing changes', async (gzip) => {
    const server = await serve()
    const task = await started(server, { gzip })
    const batch = batchOf(readings(5000))
    await task.put(batch, signal)
    await task.put(batch, signal)
    expect(server.count('m')).toBe(5000)
    expect(server.stats().writes).toBe(2)
    expect(server.rows('m')[1]).toEqual({ time: 1690510331000000001n, partition: '1', pressure: 0.1, visibility: 1.5 })
  })

  it('reports what can’t be stored and writes the rest', async () => {
    const server = await serve()
    const task = await started(server)
    const records = [
      ...readings(3),
      { value: 5, offset: 10 },
      { value: { time: 1 }, offset: 11 },
      ...readings(6).slice(3),
    ]
    const failures = await failuresOf(task.put(batchOf(records), signal))
    expect(failures.map(({ row, error }) => [row, error.code])).toEqual([
      [3, 'RECORD_INVALID'],
      [4, 'RECORD_INVALID'],
    ])
    expect(server.count('m')).toBe(6)
  })

  it('writes the bytes of a source, and reports what is no JSON', async () => {
    const server = await serve()
    const task = await started(server)
    const texts = ['{"v": 1}', '{"v": 2.50}', '{"v": 03}', '{"v": {"w": "x\\n"}}', '{"v": 5}']
    const batch = jsonBatchOf(texts.map((text) => ({ value: Buffer.from(text) })))
    const failures = await failuresOf(task.put(batch, signal))
    expect(failures.map(({ row, error }) => [row, error.code])).toEqual([[2, 'CONVERSION_FAILED']])
    expect(server.rows('m').map(({ v, v_w }) => v ?? v_w)).toEqual([1, 2.5, 'x\n', 5])
  })

  it('makes room for others between batches that come together', async () => {
    const server = await serve()
    const task = await started(server)
    let decoded = 0
    const decode: Converter['decode'] = (...bytes) => {
      decoded++
      return json.decode(...bytes)
    }
    const records = Array.from({ length: 10 }, () => ({ value: Buffer.from('{"v": [1]}') }))
    const batches = Array.from({ length: 4 }, () => jsonBatchOf(records, { ...json, decode }))
    const writing = Promise.all(batches.map((batch) => task.put(batch, signal)))
    const seen = new Set<number>()
    for (let turn = 0; turn < 1000; turn++) {
      await nextTurn()
      seen.add(decoded)
    }
    await writing
    expect([...seen]).toEqual(expect.arrayContaining([10, 20, 30, 40]))
  })

  it('sends nothing where nothing is left', async () => {
    const server = await serve()
    const task = await started(server)
    expect(await failuresOf(task.put(batchOf([{ value: 5 }]), signal))).toHaveLength(1)
    expect(server.stats().writes).toBe(0)
  })
})

describe('column types', () => {
  const isText = (i: number): boolean => i % 100 === 0
  const mixed = Array.from({ length: 10_000 }, (_, i) => ({
    value: isText(i) ? { pressure: 'high', visibility: 1 } : { pressure: i / 10, visibility: 1.5 },
    partition: i % 4,
  }))

  it('100 texts among 10,000 numbers: the texts fail by name, the table is new or not', async () => {
    const server = await serve()
    const task = await started(server)
    for (let round = 0; round < 2; round++) {
      const failures = await failuresOf(task.put(batchOf(mixed), signal))
      expect(failures).toHaveLength(100)
      expect(failures.every(({ row }) => isText(row))).toBe(true)
      expect(new Set(failures.map(why))).toEqual(
        new Set(['COLUMN_TYPE_CONFLICT: the column `pressure` is F64 in the table, and the value is STRING']),
      )
      expect(server.count('m')).toBe(9900)
    }
    expect(server.rows('m').every((row) => typeof row['pressure'] === 'number')).toBe(true)
  })

  it('the server decides: where the column is text, the numbers fail', async () => {
    const server = await serve()
    const task = await started(server)
    await task.put(batchOf([{ value: { pressure: 'low' }, offset: 20_000 }]), signal)
    const failures = await failuresOf(task.put(batchOf(mixed), signal))
    expect(failures).toHaveLength(9900)
    expect(server.count('m')).toBe(101)
  })

  it('a batch of texts only against a numeric column', async () => {
    const server = await serve()
    const task = await started(server)
    await task.put(batchOf(readings(1)), signal)
    const records = [5, 6].map((offset) => ({ value: { pressure: 'x' }, offset }))
    expect((await failuresOf(task.put(batchOf(records), signal))).map(({ row }) => row)).toEqual([0, 1])
    const one = await failuresOf(task.put(batchOf(records.slice(0, 1)), signal))
    expect(why(one[0]!)).toContain('`pressure`')
  })

  it('several columns in conflict, crosswise, all settled in one put', async () => {
    const server = await serve()
    const task = await started(server)
    const values = [{ a: 1, b: 1, c: 1 }, { a: 'x', b: 1 }, { a: 1, b: 'x' }, { a: 'x', b: 'x' }, { c: true }, { d: 5 }]
    const failures = await failuresOf(task.put(batchOf(values.map((value) => ({ value }))), signal))
    expect(failures.map(({ row }) => row).sort((a, b) => a - b)).toEqual([1, 2, 3, 4])
    expect(failures.every(({ error }) => error.code === 'COLUMN_TYPE_CONFLICT')).toBe(true)
    expect(server.count('m')).toBe(2)
  })

  it('two types within one record: that record fails', async () => {
    const server = await serve()
    const task = await started(server)
    const values = [{ a: 1 }, [{ a: 1 }, { a: 'x' }], { a: 2 }]
    const failures = await failuresOf(task.put(batchOf(values.map((value) => ({ value }))), signal))
    expect(failures.map((failure) => [failure.row, why(failure)])).toEqual([
      [1, 'COLUMN_TYPE_CONFLICT: the column `a` is double and string within one record'],
    ])
    expect(server.count('m')).toBe(2)
  })

  it('a conflict in one of several tables leaves the others alone', async () => {
    const server = await serve()
    const task = await started(server, { table: '${value.t}', fields: { exclude: ['t'] } })
    await task.put(batchOf([{ value: { t: 'a', v: 1 } }, { value: { t: 'b', v: 'x' } }]), signal)
    const values = [
      { t: 'a', v: 2 },
      { t: 'b', v: 'y' },
      { t: 'b', v: 3 },
      { t: 'a', v: 4 },
    ]
    const records = values.map((value, i) => ({ value, offset: 10 + i }))
    const failures = await failuresOf(task.put(batchOf(records), signal))
    expect(failures.map(({ row }) => row)).toEqual([2])
    expect([server.count('a'), server.count('b')]).toEqual([3, 2])
  })

  it('a tag where the table has a field: the rows with the tag fail', async () => {
    const server = await serve()
    await (await started(server)).put(batchOf([{ value: { t: 1, v: 1 } }]), signal)
    const task = await started(server, { tags: { fields: ['t'] } })
    const failures = await failuresOf(
      task.put(
        batchOf([
          { value: { t: 'x', v: 1 }, offset: 7 },
          { value: { v: 1 }, offset: 8 },
        ]),
        signal,
      ),
    )
    expect(failures.map((failure) => [failure.row, why(failure)])).toEqual([
      [0, 'COLUMN_TYPE_CONFLICT: the column `t` is F64 in the table, and the value is TAG'],
    ])
    expect(server.count('m')).toBe(2)
  })

  it('a tag of the sink’s own where the table has a field stops the task instead of refusing every record', async () => {
    const server = await serve()
    await (await started(server, { tags: { partition: false } })).put(batchOf([{ value: { partition: 1 } }]), signal)
    const task = await started(server)
    const text = await thrownBy(task.put(batchOf(readings(2)), signal))
    expect(text).toMatch(/^fatal REQUEST_REJECTED: .*`partition`.*change `tags`/)
  })
})

describe('failures of the server', () => {
  it('refused, hanging, reset: retriable, and the repeat doubles nothing', async () => {
    const server = await serve()
    const batch = batchOf(readings(100))
    server.inject({ kind: 'hang', times: 1 })
    const impatient = await started(server, { timeout: 100 })
    expect(await thrownBy(impatient.put(batch, signal))).toMatch(/^retriable TIMEOUT: /)
    const task = await started(server)
    server.inject({ kind: 'reset-mid-body', times: 1 })
    expect(await thrownBy(task.put(batch, signal))).toMatch(/^retriable CONNECTION_LOST: /)
    server.inject({ kind: 'lose-answer', times: 1 })
    expect(await thrownBy(task.put(batch, signal))).toMatch(/^retriable CONNECTION_LOST: /)
    expect(server.count('m')).toBe(100)
    await server.refuse()
    expect(await thrownBy(task.put(batch, signal))).toMatch(/^retriable (?:UNREACHABLE|CONNECTION_LOST): /)
    await server.accept()
    await task.put(batch, signal)
    expect(server.count('m')).toBe(100)
  })

  it('503 with a pause: retriable after that pause', async () => {
    const server = await serve()
    const task = await started(server)
    server.inject({ kind: 'status', status: 503, headers: { 'retry-after': '2' }, times: 1 })
    await expect(task.put(batchOf(readings(1)), signal)).rejects.toMatchObject({
      kind: 'retriable',
      retryAfterMs: 2000,
    })
  })

  it('too large: of several rows the runtime finds out which, one is refused', async () => {
    const server = await serve({ writeLimitBytes: 200 })
    const task = await started(server)
    expect(await thrownBy(task.put(batchOf(readings(100)), signal))).toMatch(/^record RECORD_TOO_LARGE: /)
    const failures = await failuresOf(task.put(batchOf([{ value: { text: 'x'.repeat(1000) } }]), signal))
    expect(failures.map(({ row, error }) => [row, error.code])).toEqual([[0, 'RECORD_TOO_LARGE']])
    await task.put(batchOf(readings(1)), signal)
    expect(server.count('m')).toBe(1)
  })

  it('an unknown code: three retries, then the record’s fault; patience returns with a success of that size', async () => {
    const server = await serve()
    const task = await started(server)
    const batch = batchOf(readings(10))
    const fault = { kind: 'status', status: 422, errorCode: '050014', message: 'something odd' } as const
    server.inject(fault)
    for (let i = 0; i < 3; i++) expect(await thrownBy(task.put(batch, signal))).toMatch(/^retriable SERVER_ERROR: /)
    expect(await thrownBy(task.put(batch, signal))).toMatch(/^record RECORD_REJECTED: /)
    expect(await failuresOf(task.put(batch.slice(0, 1), signal))).toHaveLength(1)
    server.clearFaults()
    await task.put(batch.slice(1, 2), signal)
    server.inject({ ...fault, times: 1 })
    expect(await thrownBy(task.put(batch, signal))).toMatch(/^record /)
    await task.put(batch, signal)
    server.inject({ ...fault, times: 1 })
    expect(await thrownBy(task.put(batch, signal))).toMatch(/^retriable /)
  })

  it('a write that is aborted rejects with the reason', async () => {
    const server = await serve()
    const task = await started(server)
    server.inject({ kind: 'hang' })
    const stop = new AbortController()
    const running = task.put(batchOf(readings(1)), stop.signal)
    await pollUntil(() => server.stats().writes === 1)
    const reason = new Error('revoked')
    stop.abort(reason)
    await expect(running).rejects.toBe(reason)
  })
})

describe('a CnosDB before 2.4.1', () => {
  /** Says an old version, and answers writes as such a server answers a line that it can't read. */
  async function serveOld(version: string): Promise<{ url: string }> {
    const server = createServer((request, response) => {
      request.resume()
      if (request.url === '/api/v1/ping') response.end(JSON.stringify({ version, status: 'healthy' }))
      else response.writeHead(500).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    })
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }

  it.each([
    ['2.3.5.4', /^record RECORD_REJECTED: .*500 without a word/],
    ['2.4.0', /^record RECORD_REJECTED: /],
    ['2.4.1', /^retriable SERVER_ERROR: /],
    ['2.4.3.4', /^retriable SERVER_ERROR: /],
    ['something', /^retriable SERVER_ERROR: /],
  ])('%s: an empty 500, four times', async (version, last) => {
    const { url } = await serveOld(version)
    const task = taskFor(url)
    await task.begin()
    const batch = batchOf(readings(2))
    for (let i = 0; i < 3; i++) expect(await thrownBy(task.put(batch, signal))).toMatch(/^retriable SERVER_ERROR: /)
    expect(await thrownBy(task.put(batch, signal))).toMatch(last)
  })
})

describe('start and probe', () => {
  it('nobody there: retriable, naming the address', async () => {
    const server = await serve()
    await server.refuse()
    expect(await thrownBy(taskFor(server.url).begin())).toMatch(
      new RegExp(`^retriable UNREACHABLE: cannot reach ${server.url}: `),
    )
  })

  it('can be started again after it failed', async () => {
    const server = await serve()
    await server.refuse()
    const task = taskFor(server.url)
    expect(await thrownBy(task.begin())).toMatch(/^retriable/)
    await server.accept()
    await task.begin()
    await task.put(batchOf(readings(1)), signal)
    expect(server.count('m')).toBe(1)
  })

  it('probe stores nothing, and finds a missing database, user or tenant', async () => {
    const server = await serve({ password: 'right' })
    const ok = await started(server, { password: 'right' })
    await ok.probe(signal)
    expect(server.count('m')).toBe(0)
    expect(await thrownBy((await started(server, { password: 'wrong' })).probe(signal))).toMatch(/^fatal AUTH_FAILED: /)
    const nowhere = await started(server, { password: 'right', database: 'nope' })
    expect(await thrownBy(nowhere.probe(signal))).toMatch(/^fatal NOT_FOUND: .*nope.*createDatabase: true/)
    const stranger = await started(server, { password: 'right', tenant: 'nope' })
    expect(await thrownBy(stranger.probe(signal))).toMatch(/^fatal NOT_FOUND: /)
  })

  it('creates a missing database where the config says so', async () => {
    const server = await serve()
    const task = await started(server, { database: 'new one', createDatabase: true })
    await task.put(batchOf(readings(2)), signal)
    expect(server.count('m', 'new one')).toBe(2)
    await started(server, { database: 'new one', createDatabase: true })
  })

  it('no failure shows the password', async () => {
    const server = await serve({ password: 'right' })
    const task = await started(server, { password: 'hunter2' })
    const text = await thrownBy(task.put(batchOf(readings(1)), signal))
    expect(text).not.toContain('hunter2')
    expect(text).not.toContain(Buffer.from('root:hunter2').toString('base64'))
  })
})
