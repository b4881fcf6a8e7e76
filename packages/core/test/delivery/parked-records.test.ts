import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { PartialBatchError, type RecordBatch, RecordError, RetriableError } from '../../src/index.ts'
import type { SinkTraits } from '../../src/api/sink-task.ts'
import type { PipelineConfig } from '../../src/config/pipeline-config.ts'
import type { StateChanges, StateStore } from '../../src/state/state-store.ts'
import { type TestLot, testLot } from '../support/parking.ts'
import {
  memoryState,
  committedOffset,
  pipelineConfig,
  records,
  testRunner,
  testSink,
  testSource,
  until,
} from '../support/pipeline.ts'

const busy = (): RetriableError => new RetriableError('THROTTLED', 'busy')
const free: SinkTraits = { idempotent: true }
const parking = { maxRecords: 10, maxBytes: 1000, maxAttempts: 3, initialDelayMs: 1, maxDelayMs: 1 }
const dropping = { tolerance: 'all', deadLetterQueue: undefined } as const

interface Setting {
  readonly lot?: TestLot
  readonly traits?: SinkTraits
  readonly changes?: Partial<Omit<PipelineConfig, 'sink'>>
  /** What is wrong with a whole call, if anything. */
  readonly whole?: (batch: RecordBatch) => unknown
  readonly batches?: Parameters<typeof testSource>[0]['batches']
  /** Where positions are kept; undefined: the source does. */
  readonly stateStore?: StateStore
  readonly maxRecords?: number
}

/** A pipeline whose sink refuses the rows of `refused` while it takes others. */
function running({
  lot = testLot(),
  traits = free,
  changes = {},
  whole,
  batches,
  stateStore,
  maxRecords = 10,
}: Setting = {}) {
  const refused = new Map<number, RetriableError | RecordError>()
  const source = testSource({ batches: batches ?? [records(0, 10)], endless: true, commits: stateStore === undefined })
  const sink = testSink({
    traits,
    onPut: (batch) => {
      const error = whole?.(batch)
      if (error !== undefined) throw error
      const failures = Array.from(batch, ({ offset }, row) => ({ row, error: refused.get(offset) }))
      const bad = failures.filter(({ error: each }) => each !== undefined)
      for (const record of batch)
        if (!refused.has(record.offset)) sink.written.push(`${record.offset}=${String(record.value)}`)
      if (bad.length > 0) throw new PartialBatchError(bad as never)
      // The sink of the tests notes the rest itself.
      sink.written.splice(sink.written.length - batch.length, batch.length)
    },
  })
  const config = pipelineConfig(source, sink, {
    errors: dropping,
    ...changes,
    sink: { parking, batch: { maxRecords, lingerMs: 1 } },
  })
  const run = testRunner(config, { parkingLot: lot.lot, ...(stateStore && { stateStore }) })
  const done = run.runner.run()
  const ledger = () => run.runner.snapshot().ledger
  const stop = async (): Promise<void> => {
    run.stop()
    await done
  }
  return { ...run, stop, done, ledger, lot, refused, sink, source }
}

/** Everything but what is parked is done and committed. */
async function settled({ source }: ReturnType<typeof running>, offset = 10): Promise<void> {
  await until(() => committedOffset(source) === offset, `the commit of ${offset}`)
}

describe('ParkedRecords', () => {
  it('lets others pass, and the position, once what is refused is parked; writes it later', async () => {
    const at = running()
    at.refused.set(3, busy()).set(7, busy())
    await settled(at)
    expect(at.lot.started).toBe(true)
    expect(at.ledger()).toMatchObject({ read: 10, written: 8, parked: 2, retried: 2, inFlight: 0 })
    expect([...at.lot.records.values()]).toEqual([3, 7].map((offset) => parkedOf(offset)))
    at.refused.clear()
    await at.lot.due()
    expect(at.lot.records.size).toBe(0)
    expect(at.ledger()).toMatchObject({ read: 10, written: 10, parked: 0, inFlight: 0 })
    await at.stop()
    expect(at.lot.closed).toBe(true)
    expect(at.sink.written).toContain('t/0/3=v3')
  })

  it('lets no position pass before what is parked is durable', async () => {
    let isDurable: (count: number) => void = () => undefined
    const lot = testLot(() => new Promise((resolve) => (isDurable = resolve)))
    const at = running({ lot })
    at.refused.set(0, busy())
    await until(() => at.sink.puts.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(committedOffset(at.source)).toBeUndefined()
    expect(at.ledger()).toMatchObject({ parked: 0, inFlight: 1 })
    isDurable(1)
    await settled(at)
    await at.stop()
  })

  it('tries in place what can not be parked, and drops nothing', async () => {
    const places = [
      testLot(() => 0),
      testLot(() => Promise.reject(new RetriableError('PARKING_UNAVAILABLE', 'no Redis'))),
    ]
    for (const lot of places) {
      const at = running({ lot })
      at.refused.set(3, busy()).set(4, busy())
      await until(() => at.sink.puts.length > 3, 'attempts in place')
      expect(at.sink.puts.slice(1, 3)).toEqual([2, 2])
      expect(at.ledger()).toMatchObject({ written: 8, parked: 0, inFlight: 2 })
      at.refused.clear()
      await settled(at)
      expect(at.ledger()).toMatchObject({ written: 10, retried: 2 })
      expect(at.logger.lines.filter(({ message }) => message.startsWith('parking: '))).not.toEqual([])
      await at.stop()
    }
  })

  it('parks what it could not at first, and does not take the rows that are left over for a sink that fails', async () => {
    let attempts = 0
    const lot = testLot((given) => {
      if (++attempts <= 8) throw new RetriableError('PARKING_UNAVAILABLE', 'not connected yet')
      return given.length
    })
    const at = running({ lot, batches: [records(0, 100)] })
    for (let offset = 0; offset < 100; offset += 5) at.refused.set(offset, busy())
    await settled(at, 100)
    expect([lot.records.size, at.ledger()]).toMatchObject([20, { written: 80, parked: 20 }])
    expect(at.logger.lines.filter(({ message }) => message.includes('one at a time'))).toEqual([])
    await at.stop()
  })

  it('parks as many as there is room for, and tries the others in place', async () => {
    const lot = testLot(() => 1)
    const at = running({ lot })
    at.refused.set(3, busy()).set(4, busy()).set(5, busy())
    await settled(at)
    expect([...lot.records.keys()]).toEqual([3, 4, 5])
    expect(at.sink.puts.slice(0, 3)).toEqual([10, 2, 1])
    await at.stop()
  })

  it('never parks where records may not overtake each other, or not come twice', async () => {
    for (const traits of [{ idempotent: true, ordered: true }, { idempotent: false }, {}]) {
      const at = running({ traits })
      at.refused.set(3, busy())
      await until(() => at.sink.puts.length > 3)
      expect(at.lot.request).toBeUndefined()
      expect(committedOffset(at.source)).not.toBe(10)
      at.refused.clear()
      await settled(at)
      await at.stop()
    }
  })

  it('does not park the stream where the sink fails as a whole', async () => {
    let isDown = true
    const none = (batch: RecordBatch) => new PartialBatchError(Array.from(batch, (_, row) => ({ row, error: busy() })))
    for (const failure of [busy, none]) {
      isDown = true
      const batches = Array.from({ length: 20 }, (_, n) => records(n, n + 1))
      let parks = 0
      const lot = testLot((given) => (parks++, given.length))
      const at = running({ lot, whole: (batch) => (isDown ? failure(batch) : undefined), batches, maxRecords: 1 })
      await until(() => at.runner.snapshot().breaker !== 'closed')
      await new Promise((resolve) => setTimeout(resolve, 50))
      // A few before it was clear; not one since.
      expect(parks).toBeLessThanOrEqual(2)
      expect(at.ledger().inFlight).toBeGreaterThan(0)
      isDown = false
      await settled(at, 20)
      await at.stop()
    }
  })

  it('gives up after the attempts that are allowed, by way of the dead letter queue', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'connect-run-parked-'))
    const path = join(folder, 'dead.jsonl')
    const errors = { tolerance: 'all', deadLetterQueue: { kind: 'file', path, maxFileBytes: 1 << 20 } } as const
    const at = running({ changes: { errors } })
    at.refused.set(3, busy())
    await settled(at)
    expect(await at.lot.due()).toEqual(['refused'])
    expect(await at.lot.due()).toEqual(['refused'])
    expect(at.ledger()).toMatchObject({ parked: 1, deadLettered: 0 })
    expect(await at.lot.due()).toEqual(['done'])
    expect(at.ledger()).toMatchObject({ written: 9, parked: 0, deadLettered: 1 })
    const letter = await readFile(path, 'utf8')
    expect(letter).toContain('given up after 4 attempts: busy')
    await at.stop()
    await rm(folder, { recursive: true })
  })

  it('keeps a record parked until it is safe in the dead letter queue', async () => {
    let isDown = true
    const letters = testSink({
      onPut: () => {
        if (isDown) throw busy()
      },
    })
    const target = { kind: 'sink', plugin: letters.plugin, config: {}, options: {}, describe: 'letters' } as const
    for (const ending of ['a stop', 'a cure']) {
      isDown = true
      const at = running({ changes: { errors: { tolerance: 'all', deadLetterQueue: target } } })
      at.refused.set(3, busy())
      await settled(at)
      await at.lot.due()
      await at.lot.due()
      const before = letters.puts.length
      const last = at.lot.due()
      await until(() => letters.puts.length > before + 1, 'attempts to write the dead letter')
      expect([at.lot.records.size, at.ledger()]).toMatchObject([1, { parked: 1, deadLettered: 0 }])
      if (ending === 'a stop') await at.stop()
      isDown = false
      expect(await last).toEqual([ending === 'a stop' ? 'untried' : 'done'])
      expect(at.lot.records.size).toBe(ending === 'a stop' ? 1 : 0)
      await at.stop()
    }
  })

  it('keeps a record parked that has become poison where none is tolerated', async () => {
    const errors = { tolerance: 'none', deadLetterQueue: undefined } as const
    const at = running({ changes: { errors } })
    at.refused.set(3, busy())
    await settled(at)
    at.refused.set(3, new RecordError('RECORD_REJECTED', 'poison'))
    expect(await at.lot.due()).toEqual(['untried'])
    expect(at.lot.records.size).toBe(1)
    // Nothing is tolerated: the task fails before the record is gone.
    await at.done
    expect(at.runner.snapshot()).toMatchObject({
      state: 'failed',
      failure: { code: 'RECORD_REJECTED' },
      ledger: { parked: 1 },
    })
  })

  it('finds poison among what it tries again', async () => {
    const at = running()
    for (const offset of [2, 3, 4, 5]) at.refused.set(offset, busy())
    await settled(at)
    at.refused.clear()
    at.refused.set(4, new RecordError('RECORD_REJECTED', 'poison'))
    expect(await at.lot.due()).toEqual(['done', 'done', 'done', 'done'])
    expect(at.ledger()).toMatchObject({ written: 9, dropped: 1, parked: 0 })
    await at.stop()
  })

  it('does not count attempts on a sink that is down', async () => {
    let isDown = false
    const at = running({ whole: () => (isDown ? busy() : undefined) })
    at.refused.set(3, busy())
    await settled(at)
    at.refused.clear()
    isDown = true
    for (let n = 0; n < 8; n++) expect(await at.lot.due()).toEqual(['untried'])
    expect(at.lot.records.get(3)).toMatchObject({ retries: 0 })
    expect(at.runner.snapshot().breaker).toBe('open')
    isDown = false
    expect(await at.lot.due()).toEqual(['done'])
    expect(at.runner.snapshot()).toMatchObject({ breaker: 'closed', ledger: { written: 10, parked: 0 } })
    await at.stop()
  })

  it('takes the original bytes through the transforms again', async () => {
    let drops = false
    const step = {
      name: 'mark',
      effects: { values: 'change', drops: true },
      run: (batch: RecordBatch) => {
        if (drops) return { batch: batch.select([]) }
        return { batch: batch.withValues(Array.from(batch, ({ value }) => Buffer.from(`${String(value)}!`))) }
      },
    } as never
    const at = running({ changes: { transforms: [step] } })
    at.refused.set(3, busy()).set(4, busy())
    await settled(at)
    expect(at.lot.records.get(3)?.value).toEqual(Buffer.from('v3'))
    at.lot.records.delete(4)
    at.refused.clear()
    await at.lot.due()
    expect(at.sink.written).toContain('t/0/3=v3!')
    // A filter may have been added since.
    drops = true
    at.lot.records.set(4, parkedOf(4))
    expect(await at.lot.due()).toEqual(['done'])
    expect(at.ledger()).toMatchObject({ filtered: 1, parked: 0 })
    await at.stop()
  })

  it('keeps a record parked of which one piece failed while another waits for a sink that is down', async () => {
    let isDown = false
    let splits = false
    const step = {
      name: 'halve',
      effects: { values: 'change', splits: true },
      run: (batch: RecordBatch) => {
        if (!splits) return { batch }
        const rows = Array.from({ length: batch.length * 2 }, (_, i) => i >> 1)
        const pieces = batch.expand(
          rows,
          rows.map((row) => batch.value(row)),
        )
        const failures = [{ row: 0, error: new RecordError('TRANSFORM_FAILED', 'half of it is poison') }]
        return { batch: pieces.select(rows.slice(1).map((_, i) => i + 1)), failures }
      },
    } as never
    const at = running({ changes: { transforms: [step] }, whole: () => (isDown ? busy() : undefined) })
    at.refused.set(3, busy())
    await settled(at)
    at.refused.clear()
    splits = isDown = true
    expect(await at.lot.due()).toEqual(['untried'])
    isDown = false
    expect(await at.lot.due()).toEqual(['done'])
    expect(at.sink.written.filter((each) => each.startsWith('t/0/3='))).toHaveLength(1)
    expect(at.ledger()).toMatchObject({ written: 9, dropped: 1, parked: 0 })
    await at.stop()
  })

  it('has the state store know what became of parked records though no position passes', async () => {
    const stored: StateChanges[] = []
    const { store } = memoryState()
    const task = await store.open('w-p')
    const write = async (changes: StateChanges): Promise<void> => void stored.push(changes)
    const stateStore = { ...store, open: async () => ({ ...task, write }) }
    const at = running({ stateStore })
    at.refused.set(3, busy())
    await until(() => stored.some(({ positions }) => positions[0]?.position.offset === 10))
    expect(stored.at(-1)?.ledger?.[0]).toMatchObject({ written: 9, parked: 1 })
    const before = stored.length
    at.refused.clear()
    await at.lot.due()
    await until(() => stored.length > before)
    expect(stored.at(-1)).toMatchObject({ positions: [], ledger: [{ read: 10, written: 10, parked: 0 }] })
    await at.stop()
    expect(stored).toHaveLength(before + 1)
  })

  it('tries in place what never was bytes, and what a transform made several of', async () => {
    const made = Array.from({ length: 10 }, (_, n) => ({ offset: n, value: { n } }))
    const double = {
      name: 'double',
      effects: { values: 'change', splits: true },
      run: (batch: RecordBatch) => {
        const rows = Array.from({ length: batch.length * 2 }, (_, i) => i >> 1)
        return {
          batch: batch.expand(
            rows,
            rows.map((row) => batch.value(row)),
          ),
        }
      },
    } as never
    for (const setting of [{ batches: [made] }, { changes: { transforms: [double] } }]) {
      const at = running(setting)
      at.refused.set(3, busy())
      await until(() => at.sink.puts.length > 3)
      expect(at.lot.records.size).toBe(0)
      at.refused.clear()
      await settled(at)
      await at.stop()
    }
  })
})

function parkedOf(offset: number) {
  return {
    stream: 't',
    partition: 0,
    offset,
    timestamp: 1_700_000_000_000,
    key: null,
    value: Buffer.from(`v${offset}`),
    headers: [],
    attempts: 1,
    retries: 0,
    firstFailureMs: expect.any(Number) as unknown as number,
  }
}
