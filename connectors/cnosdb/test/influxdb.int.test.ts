import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { isConnectError, isPartialBatch } from '@connect-run/core'
import { type InfluxDb, influxDbAt, service } from '@connect-run/testkit/services'
import { probeSink } from '../src/probe.ts'
import type { CnosdbSinkConfig } from '../src/sink-config.ts'
import { CnosdbSinkTask } from '../src/sink-task.ts'
import { type TestRecord, batchOf, contextOf, readVectors, sinkConfig, why } from './support.ts'

const influx = await service('influxdb')
const { signal } = new AbortController()

influx.describe('InfluxDB 1.x', () => {
  let server: InfluxDb
  let database: string
  const closing: (() => Promise<void>)[] = []

  beforeEach(async () => {
    server = influxDbAt(influx.address)
    database = `cnosdb-${randomUUID()}`
    await server.createDatabase(database)
  })

  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
    await server.dropDatabase(database)
  })

  async function started(options: Partial<CnosdbSinkConfig> = {}): Promise<CnosdbSinkTask> {
    const config = sinkConfig({ url: influx.address, api: 'influxdb', database, ...options })
    const task = new CnosdbSinkTask(config)
    closing.push(() => task.stop())
    await task.start(contextOf(config))
    return task
  }

  async function failuresOf(call: Promise<void>): Promise<string[]> {
    try {
      await call
      return []
    } catch (error) {
      if (!isPartialBatch(error)) throw error
      return error.failures.map((failure) => `${failure.row} ${why(failure)}`)
    }
  }

  async function codeOf(call: Promise<void>): Promise<string> {
    const error: unknown = await call.catch((reason: unknown) => reason)
    return isConnectError(error) ? `${error.kind} ${error.code}` : String(error)
  }

  it('20,000 records of one millisecond on four partitions stay 20,000 points, also when written twice', async () => {
    const task = await started()
    const records: TestRecord[] = Array.from({ length: 20_000 }, (_, i) => ({
      value: { pressure: i % 100, temperature: 0.5, visibility: 1e21 },
      partition: i % 4,
      offset: Math.floor(i / 4),
    }))
    for (let round = 0; round < 2; round++) {
      for (let at = 0; at < records.length; at += 5000) await task.put(batchOf(records.slice(at, at + 5000)), signal)
    }
    expect(await server.count(database, 'm', 'pressure')).toBe(20_000)
  })

  it('reads back what was written', async () => {
    const task = await started({ tags: { fields: ['t'] }, fields: { types: { i: 'bigint' } } })
    const value = { t: 'C:\\a b,c=d "é"', s: 'two\nlines "\\" 日本', i: 2n ** 62n, d: -1.5e-7, b: true, 'na me': 0.1 }
    await task.put(batchOf([{ value, partition: 7, offset: 12 }]), signal)
    const [series] = await server.query(database, 'SELECT * FROM m')
    const row = Object.fromEntries(series!.columns.map((column, i) => [column, series!.values[0]![i]]))
    expect(row).toEqual({
      time: '2023-07-28T02:12:11.000000012Z',
      partition: '7',
      t: value.t,
      s: value.s,
      i: expect.closeTo(2 ** 62, -4),
      d: value.d,
      b: true,
      'na me': 0.1,
    })
    expect(await server.queryText(database, 'SELECT i FROM m')).toContain('4611686018427387904')
  })

  it('takes every line of the preset', async () => {
    const task = await started({ preset: 'telegraf', tags: { fields: ['t'] } })
    const values = readVectors<{ value: string; lp?: string[] }>('telegraf')
      .filter(({ lp }) => lp !== undefined && lp.length > 0)
      .map(({ value }) => JSON.parse(value) as unknown)
    const failures = await failuresOf(task.put(batchOf(values.map((value, i) => ({ value, offset: i }))), signal))
    expect(failures.filter((text) => !text.includes('RECORD_INVALID'))).toEqual([])
    expect(failures.length).toBeLessThan(values.length / 2)
  })

  it('texts among numbers fail by name and everything else is stored', async () => {
    const task = await started()
    const records = Array.from({ length: 1000 }, (_, i) => ({ value: { pressure: i % 10 === 0 ? 'high' : i, v: 1 } }))
    for (let round = 0; round < 2; round++) {
      const failures = await failuresOf(task.put(batchOf(records), signal))
      expect(failures).toHaveLength(100)
      expect(new Set(failures.map((text) => text.replace(/^\d+ /, '')))).toEqual(
        new Set(['COLUMN_TYPE_CONFLICT: the column `pressure` is float in the table, and the value is string']),
      )
      expect(await server.count(database, 'm', 'v')).toBe(900)
    }
  })

  it('probe finds a missing database, and stores nothing', async () => {
    await (await started()).probe(signal)
    expect(await codeOf((await started({ database: `${database}-none` })).probe(signal))).toBe('fatal NOT_FOUND')
    expect(await server.query(database, 'SHOW MEASUREMENTS')).toEqual([])
  })

  it('a probe without a task finds the version and the database, and makes none', async () => {
    const probe = async (options: Partial<CnosdbSinkConfig>): Promise<string> => {
      const config = sinkConfig({ url: influx.address, api: 'influxdb', database, ...options })
      return (await probeSink(config, { ...contextOf(config), signal })).join('; ')
    }
    const absent = `${database}-absent`
    expect(await probe({})).toMatch(new RegExp(`^InfluxDB v?1\\.\\d.*; database ${database}$`))
    expect(await probe({ database: absent, createDatabase: true })).toMatch(/will be created$/)
    await expect(probe({ database: absent })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('creates a missing database', async () => {
    const name = `${database} "new"`
    try {
      const task = await started({ database: name, createDatabase: true })
      await task.put(batchOf([{ value: { v: 1 } }]), signal)
      expect(await server.count(name, 'm', 'v')).toBe(1)
    } finally {
      await server.dropDatabase(name)
    }
  })
})
