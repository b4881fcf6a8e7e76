import { describe, expect, it } from '@jest/globals'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { createMemoryStateStore } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/state-store.ts'
import { RetriableError } from '../../src/index.ts'
import { Health } from '../../src/worker/health.ts'
import { LedgerBook } from '../../src/worker/ledger.ts'
import { LedgerSlot } from '../../src/worker/ledger-slot.ts'
import { recordingLogger, records } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** A worker of the pipeline `w-p`, whose source keeps its own positions. */
function working(stateStore: StateStore) {
  const clock = new VirtualClock()
  const ledger = new LedgerBook({ count() {}, gauge() {}, observe() {} }, 'p')
  const tracker = new AckTracker()
  ledger.begin(tracker)
  const logger = recordingLogger()
  const health = new Health('ledger', logger, clock)
  const slot = new LedgerSlot({ stateStore, task: 'w-p', ledger, health, clock })
  let next = 0
  const commit = (count: number): void => {
    const batch = tracker.register(packSourceRecords(records(next, (next += count)), 't'))
    ledger.read(count)
    ledger.add('written', tracker.settle(batch))
    const positions = tracker.committable()
    ledger.passed(positions)
    tracker.committed(positions)
    slot.changed()
  }
  return { clock, slot, commit, logger, after: (ms: number) => clock.runUntil(clock.sleep(ms)) }
}

async function written(store: StateStore): Promise<Record<string, number>> {
  const states = await store.read('w-p')
  return Object.fromEntries(states.map(({ task, ledger }) => [task, ledger.reduce((sum, e) => sum + e.written, 0)]))
}

describe('LedgerSlot', () => {
  it('gives each worker of a pipeline a slot of its own, and goes on in the first that is free', async () => {
    const store = createMemoryStateStore()
    const [first, second] = [working(store), working(store)]
    first.commit(3)
    await first.after(10)
    second.commit(5)
    await second.after(10)
    expect(await written(store)).toEqual({ 'w-p@0': 3, 'w-p@1': 5 })
    await first.slot.close()
    const third = working(store)
    third.commit(10)
    await third.slot.close()
    expect(await written(store)).toEqual({ 'w-p@0': 13, 'w-p@1': 5 })
  })

  it('writes at most once a second, and the rest when it is closed', async () => {
    const store = createMemoryStateStore()
    const { slot, commit, after } = working(store)
    commit(1)
    await after(10)
    for (let i = 0; i < 5; i++) {
      commit(1)
      await after(100)
    }
    expect(await written(store)).toEqual({ 'w-p@0': 1 })
    await after(600)
    expect(await written(store)).toEqual({ 'w-p@0': 6 })
    commit(1)
    await slot.close()
    expect(await written(store)).toEqual({ 'w-p@0': 7 })
  })

  it('says that the store fails, holds nothing up, and writes all of it when the store is back', async () => {
    const memory = createMemoryStateStore()
    let isDown = true
    const store: StateStore = {
      ...memory,
      open: (task) => {
        if (isDown) return Promise.reject(new RetriableError('STATE_UNWRITABLE', 'the disk is full'))
        return memory.open(task)
      },
    }
    const { slot, commit, after, logger } = working(store)
    commit(2)
    await after(100)
    commit(2)
    await after(100)
    expect(logger.lines.map(({ message }) => message)).toEqual(['ledger: the disk is full; trying again'])
    isDown = false
    await after(30_000)
    expect(await written(memory)).toEqual({ 'w-p@0': 4 })
    expect(logger.lines.at(-1)?.message).toBe('ledger: works again')
    await slot.close()
  })

  it('claims nothing where nothing was committed', async () => {
    const store = createMemoryStateStore()
    await working(store).slot.close()
    expect(await written(store)).toEqual({})
    await expect(store.open('w-p@0')).resolves.toBeDefined()
  })

  it('goes on in another slot when its own was taken over', async () => {
    const memory = createMemoryStateStore()
    const takeOver = new AbortController()
    const store: StateStore = {
      ...memory,
      open: async (task) => {
        const state = await memory.open(task)
        if (task !== 'w-p@0') return state
        const { ledger, positions } = state
        const lost = takeOver.signal
        return { ledger, positions, lost, write: (c) => state.write(c), close: () => Promise.resolve() }
      },
    }
    const { slot, commit, after } = working(store)
    commit(2)
    await after(10)
    takeOver.abort(new Error('fenced'))
    commit(3)
    await after(1500)
    commit(4)
    await slot.close()
    expect(await written(memory)).toEqual({ 'w-p@0': 2, 'w-p@1': 4 })
  })
})
