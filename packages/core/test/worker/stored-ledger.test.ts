import { afterEach, describe, expect, it, jest } from '@jest/globals'
import { RetriableError } from '../../src/index.ts'
import { createMemoryStateStore } from '../../src/state/memory.ts'
import type { StateChanges, StateStore } from '../../src/state/state-store.ts'
import { LedgerBook } from '../../src/worker/ledger.ts'
import { partition, pipelineConfig, records, testRunner, testSink, testSource, until } from '../support/pipeline.ts'

const zero = { written: 0, filtered: 0, skipped: 0, retried: 0, parked: 0, deadLettered: 0, dropped: 0, released: 0 }

/** A store that keeps what each write was given. */
function watched(): { store: StateStore; writes: StateChanges[]; fail: { next: boolean } } {
  const memory = createMemoryStateStore()
  const writes: StateChanges[] = []
  const fail = { next: false }
  const open: StateStore['open'] = async (task) => {
    const state = await memory.open(task)
    const write = async (changes: StateChanges): Promise<void> => {
      if (fail.next) throw new RetriableError('STATE_UNWRITABLE', 'the disk is full')
      writes.push(changes)
      await state.write(changes)
    }
    const { positions, ledger, lost } = state
    return { positions, ledger, lost, write, close: () => state.close() }
  }
  return { store: { ...memory, open }, writes, fail }
}

describe('the stored ledger', () => {
  it('is written together with the positions, and goes on from there after a restart', async () => {
    const { store, writes } = watched()
    const run = async (from: number, to: number): Promise<void> => {
      const source = testSource({ batches: [records(from, to)], commits: false })
      await testRunner(pipelineConfig(source, testSink()), { stateStore: store }).runner.run()
    }
    await run(0, 10)
    expect(writes).toEqual([
      {
        positions: [{ ...partition(0), position: { offset: 10 } }],
        ledger: [{ ...partition(0), ...zero, read: 10, written: 10 }],
      },
    ])
    await run(10, 15)
    const [state] = await store.read('w-p')
    expect(state!.positions).toEqual([{ ...partition(0), position: { offset: 15 } }])
    expect(state!.ledger).toEqual([{ ...partition(0), ...zero, read: 15, written: 15 }])
  })

  it('counts nothing of a position that could not be stored, and all of it later', async () => {
    const { store, writes, fail } = watched()
    fail.next = true
    const source = testSource({ batches: [records(0, 4)], commits: false, endless: true })
    const sink = testSink()
    const { runner, stop } = testRunner(pipelineConfig(source, sink), { stateStore: store })
    const done = runner.run()
    await until(() => runner.snapshot().problem?.includes('disk') === true)
    expect(await store.read('w-p')).toEqual([])
    fail.next = false
    await until(() => writes.length > 0)
    stop()
    await done
    expect((await store.read('w-p'))[0]!.ledger).toEqual([{ ...partition(0), ...zero, read: 4, written: 4 }])
  })

  it('is kept in a slot where the source keeps its own positions', async () => {
    const { store } = watched()
    const source = testSource({ batches: [records(0, 3, 0), records(0, 2, 1)] })
    await testRunner(pipelineConfig(source, testSink()), { stateStore: store }).runner.run()
    const states = await store.read('w-p')
    expect(states.map(({ task, positions }) => [task, positions])).toEqual([['w-p@0', []]])
    expect(states[0]!.ledger).toEqual([
      { ...partition(0), ...zero, read: 3, written: 3 },
      { ...partition(1), ...zero, read: 2, written: 2 },
    ])
  })

  it('does not hold up a pipeline whose source keeps its own positions when it can’t be written', async () => {
    const { store, fail } = watched()
    fail.next = true
    const source = testSource({ batches: [records(0, 3)] })
    const sink = testSink()
    const { runner, logger } = testRunner(pipelineConfig(source, sink), { stateStore: store })
    await runner.run()
    expect(runner.snapshot()).toMatchObject({ state: 'ended', problem: undefined, ledger: { written: 3 } })
    expect(source.commits).toHaveLength(1)
    expect(logger.lines.filter(({ message }) => message.startsWith('ledger: the disk is full'))).toHaveLength(1)
  })
})

describe('a pipeline that does not say what became of a record', () => {
  afterEach(() => void jest.restoreAllMocks())

  function forgetful(maxRestarts: number) {
    jest.spyOn(LedgerBook.prototype, 'add').mockImplementationOnce(() => undefined)
    const source = testSource({ batches: [records(0, 3, 2)] })
    const restart = { maxRestarts, initialDelayMs: 1, maxDelayMs: 2, resetAfterMs: 60_000 }
    const { runner } = testRunner(pipelineConfig(source, testSink(), { restart }))
    return { runner, source }
  }

  it('fails before the position passes, and names the partition', async () => {
    const { runner, source } = forgetful(0)
    await runner.run()
    const { state, failure } = runner.snapshot()
    expect([state, failure?.code, source.commits]).toEqual(['failed', 'LEDGER_VIOLATED', []])
    expect(failure?.message).toContain('the ledger of p does not add up at t/2 up to 3: 3 records unaccounted for')
  })

  it('reads them again when it restarts, and does not take that for another violation', async () => {
    const { runner, source } = forgetful(1)
    await runner.run()
    const { state, ledger } = runner.snapshot()
    expect([state, source.starts, ledger.written]).toEqual(['ended', 2, 3])
    expect(source.commits.flat()).toEqual([{ ...partition(2), position: { offset: 3 } }])
    // What was not accounted for stays visible.
    expect(ledger.read - ledger.written - ledger.released - ledger.inFlight).toBe(3)
  })
})
