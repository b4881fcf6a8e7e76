import assert from 'node:assert/strict'
import { type Positions, errorKind, isConnectError } from '@connect-run/core'
import type { LedgerEntry, StateStore, TaskState } from '@connect-run/core/runtime'
import { type Check, type Skipped, registerChecks, rejection } from './check.ts'

export interface StateStoreDriver {
  /** A store on a place that is empty at first; stores that `reopen` makes see the same place. */
  readonly create: () => Promise<StoresOfOnePlace>
  readonly skip?: Skipped
}

export interface StoresOfOnePlace {
  /** Another store on the same place, as another worker would have it. */
  readonly open: () => StateStore
  readonly close: () => Promise<void>
}

/** What every state store promises, as functions; {@link describeStateStore} runs them as tests. */
export const stateStoreChecks: readonly Check<StateStoreDriver>[] = [
  check('is empty at first', async (open) => {
    const store = open()
    assert.deepEqual(await store.read('task'), [])
    const state = await store.open('task')
    assert.deepEqual([state.positions, state.ledger], [[], []])
  }),
  check('merges positions and ledger by partition', async (open) => {
    const state = await open().open('task')
    await state.write({ positions: [...at(1), ...at(5, 1)], ledger: [entry(1), entry(5, 1)] })
    await state.write({ positions: at(2), ledger: [entry(2)] })
    await state.write({ positions: at(6, 1) })
    assertState(state, [...at(2), ...at(6, 1)], [entry(2), entry(5, 1)])
  }),
  check('keeps what was written for the next store', async (open) => {
    const first = open()
    await (await first.open('task')).write({ positions: at(7), ledger: [entry(7)] })
    await first.close()
    assertState(await open().open('task'), at(7), [entry(7)])
  }),
  check('keeps tokens, odd names and large numbers', async (open) => {
    const stream = '{"ä"} \n: %\u0000 [x]'
    const position = { offset: Number.MAX_SAFE_INTEGER, token: { path: ['ü\n', null, 1.5], deep: {} } }
    const positions: Positions = [{ stream, partition: 3, position }]
    const ledger = [{ ...entry(1), stream, read: 1e15 }]
    const first = open()
    await (await first.open('task')).write({ positions, ledger })
    await first.close()
    assertState(await open().open('task'), positions, ledger)
  }),
  check('takes a position back when it is told to', async (open) => {
    const state = await open().open('task')
    await state.write({ positions: at(9) })
    await state.write({ positions: at(3) })
    assertState(state, at(3), [])
  }),
  check('forgets the position, not the ledger, of a partition that has ended', async (open) => {
    const first = open()
    const state = await first.open('task')
    await state.write({ positions: [...at(1), ...at(2, 1)], ledger: [entry(1), entry(2, 1)] })
    await state.write({ positions: [{ stream: 's', partition: 0, position: { offset: 4, ended: true } }] })
    assertState(state, at(2, 1), [entry(1), entry(2, 1)])
    await first.close()
    assertState(await open().open('task'), at(2, 1), [entry(1), entry(2, 1)])
  }),
  check('forgets the ledger of a partition of which nothing was read', async (open) => {
    const first = open()
    const state = await first.open('task')
    await state.write({ positions: at(1), ledger: [entry(1), entry(2, 1)] })
    await state.write({ positions: [], ledger: [{ ...entry(0), retried: 0 }] })
    assertState(state, at(1), [entry(2, 1)])
    await first.close()
    assertState(await open().open('task'), at(1), [entry(2, 1)])
  }),
  check('writes in the order of the calls, also when nobody waits', async (open) => {
    const state = await open().open('task')
    await Promise.all(Array.from({ length: 50 }, (_, offset) => state.write({ positions: at(offset) })))
    assertState(state, at(49), [])
  }),
  check('keeps many partitions', async (open) => {
    const partitions = Array.from({ length: 3000 }, (_, partition) => partition)
    const positions = partitions.flatMap((partition) => at(partition, partition))
    const first = open()
    const ledger = partitions.map((partition) => entry(partition + 1, partition))
    await (await first.open('task')).write({ positions, ledger })
    await first.close()
    const state = await open().open('task')
    assert.equal(state.positions.length, 3000)
    assert.equal(state.ledger.length, 3000)
  }),
  check('gives a task to one holder at a time', async (open) => {
    const [one, other] = [open(), open()]
    const held = await one.open('task')
    const error = await rejection(other.open('task'), 'a second open')
    assert.ok(isConnectError(error) && error.code === 'STATE_LOCKED', String(error))
    assert.equal(errorKind(error), 'retriable')
    await other.open('other task')
    await held.close()
    await other.open('task')
  }),
  check('finishes what was asked for before it closes, and takes nothing after', async (open) => {
    const store = open()
    const state = await store.open('task')
    const written = state.write({ positions: at(7) })
    await state.close()
    await written
    const error = await rejection(state.write({ positions: at(8) }), 'a write after close')
    assert.ok(isConnectError(error) && error.code === 'STOPPED', String(error))
    await state.close()
    assertState(await store.open('task'), at(7), [])
  }),
  check('holds its claim as long as nobody takes it', async (open) => {
    const state = await open().open('task')
    assert.equal(state.lost.aborted, false)
    await state.confirm?.()
  }),
  check('shows a task and its slots to who claims nothing', async (open) => {
    const store = open()
    const before = Date.now() - 1000
    for (const [n, name] of ['task@10', 'task', 'task@2', 'task@x', 'task2', 'other@0'].entries()) {
      await (await store.open(name)).write({ positions: at(n), ledger: [entry(n + 1)] })
    }
    const states = await open().read('task')
    assert.deepEqual(
      states.map(({ task, positions, ledger }) => ({ task, positions, ledger })),
      [
        { task: 'task', positions: at(1), ledger: [entry(2)] },
        { task: 'task@2', positions: at(2), ledger: [entry(3)] },
        { task: 'task@10', positions: at(0), ledger: [entry(1)] },
      ],
    )
    for (const { savedAtMs } of states) assert.ok(savedAtMs >= before && savedAtMs <= Date.now() + 1000)
  }),
]

/** Registers {@link stateStoreChecks} as jest tests. */
export function describeStateStore(name: string, driver: StateStoreDriver): void {
  registerChecks(`${name} keeps the promises of a state store: it`, stateStoreChecks, driver)
}

function check(name: string, run: (open: () => StateStore) => Promise<void>): Check<StateStoreDriver> {
  return {
    name,
    run: async (driver) => {
      const place = await driver.create()
      const stores: StateStore[] = []
      const open = (): StateStore => {
        const store = place.open()
        stores.push(store)
        return store
      }
      try {
        await run(open)
      } finally {
        await Promise.all(stores.map((store) => store.close()))
        await place.close()
      }
    },
  }
}

function at(offset: number, partition: number = 0): Positions {
  return [{ stream: 's', partition, position: { offset } }]
}

function entry(read: number, partition: number = 0): LedgerEntry {
  const zero = { filtered: 0, skipped: 0, retried: 2, parked: 0, deadLettered: 0, dropped: 0, released: 0 }
  return { stream: 's', partition, read, written: read, ...zero }
}

/** In any order: partitions have none. */
function assertState(state: TaskState, positions: Positions, ledger: readonly LedgerEntry[]): void {
  assert.deepEqual(sorted(state.positions), sorted(positions))
  assert.deepEqual(sorted(state.ledger), sorted(ledger))
}

function sorted<T extends { readonly partition: number }>(entries: readonly T[]): T[] {
  return [...entries].sort((one, other) => one.partition - other.partition)
}
