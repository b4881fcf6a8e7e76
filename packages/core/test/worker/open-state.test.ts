import { describe, expect, it } from '@jest/globals'
import { ConnectError, type Positions, RetriableError } from '../../src/index.ts'
import type { StateChanges, StateStore, TaskState } from '../../src/state/state-store.ts'
import { pipelineConfig, records, testRunner, testSink, testSource, until } from '../support/pipeline.ts'

/** A store whose claims can be held by others, taken over, and put in doubt. */
function testStore() {
  const written: Positions[] = []
  const steps: string[] = []
  let lost = new AbortController()
  const store = {
    written,
    steps,
    /** Others hold it. */
    isHeld: false,
    doubt: undefined as ConnectError | undefined,
    opens: 0,
    takeOver() {
      store.isHeld = true
      lost.abort(new ConnectError('STATE_FENCED', 'taken over'))
    },
    async open(): Promise<TaskState> {
      store.opens++
      if (store.isHeld) throw new RetriableError('STATE_LOCKED', 'held by another', { retryAfterMs: 5 })
      steps.push('claimed')
      lost = new AbortController()
      const { signal } = lost
      return {
        positions: written.at(-1) ?? [],
        ledger: [],
        lost: signal,
        write: async ({ positions }: StateChanges) => {
          signal.throwIfAborted()
          written.push(positions)
        },
        confirm: async () => {
          if (store.doubt !== undefined) throw store.doubt
        },
        close: async () => void steps.push('given back'),
      }
    },
    read: async () => [],
    close: async () => {},
  } satisfies StateStore & Record<string, unknown>
  return store
}

const endless = { batches: [records(0, 3), records(3, 6)], endless: true, commits: false }

describe('a pipeline whose positions are in the state store', () => {
  it('claims its state before it touches anything, and gives it back last', async () => {
    const store = testStore()
    const extras = {
      start: async () => void store.steps.push('sink started'),
      stop: async () => void store.steps.push('sink stopped'),
    }
    const source = testSource({ ...endless, onStart: () => void store.steps.push('source started') })
    const { runner, stop } = testRunner(pipelineConfig(source, testSink({ extras })), { stateStore: store })
    const done = runner.run()
    await until(() => store.written.length > 0)
    stop()
    await done
    expect(store.steps).toEqual(['claimed', 'sink started', 'source started', 'sink stopped', 'given back'])
  })

  it.each([true, false])(
    'does not start on a store that the config refuses (positions with the source: %s)',
    async (commits) => {
      const refused = new ConnectError('STATE_UNSAFE', 'it forgets')
      const store = { ...testStore(), check: () => Promise.reject(refused) }
      const source = testSource({ ...endless, commits })
      const { runner } = testRunner(pipelineConfig(source, testSink()), { stateStore: store })
      await runner.run()
      expect(runner.snapshot()).toMatchObject({ state: 'failed', failure: { code: 'STATE_UNSAFE' } })
      expect(source.starts).toBe(0)
    },
  )

  it('stands by with nothing open while another worker holds it', async () => {
    const store = testStore()
    store.isHeld = true
    let started = false
    const sink = testSink({ extras: { start: async () => void (started = true) } })
    const { runner, logger, stop } = testRunner(pipelineConfig(testSource(endless), sink), { stateStore: store })
    const done = runner.run()
    await until(() => store.opens > 3)
    expect(started).toBe(false)
    expect(runner.snapshot()).toMatchObject({ state: 'starting', problem: 'held by another' })
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
    store.isHeld = false
    await until(() => sink.written.length === 6)
    stop()
    await done
  })

  it('stops at once when it is taken over, commits nothing more, not to the sink either, and stands by', async () => {
    const store = testStore()
    const committed: Positions[] = []
    let hasPut = false
    const sink = testSink({
      onPut: async (_batch, attempt, signal) => {
        if (attempt === 1) return
        hasPut = true
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        })
      },
      extras: { commit: async (positions) => void committed.push(positions) },
    })
    const source = testSource({
      ...endless,
      onPoll: (_, poll) => (poll === 2 ? until(() => committed.length > 0) : undefined),
    })
    const { runner, stop } = testRunner(pipelineConfig(source, sink), { stateStore: store })
    const done = runner.run()
    await until(() => hasPut)
    const before = committed.length
    store.takeOver()
    await until(() => store.opens > 2)
    expect(committed).toHaveLength(before)
    expect(store.written.at(-1)).toEqual([{ stream: 't', partition: 0, position: { offset: 3 } }])
    expect(runner.snapshot()).toMatchObject({ state: 'starting', problem: 'held by another' })
    stop()
    await done
    expect(runner.snapshot().state).toBe('stopped')
  })

  it('reads nothing while its claim is in doubt, says so once, and goes on', async () => {
    const store = testStore()
    const sink = testSink()
    const source = testSource({
      ...endless,
      onPoll: (_, poll) => {
        if (poll === 1) store.doubt = new RetriableError('STATE_UNWRITABLE', 'the store is away', { retryAfterMs: 2 })
      },
    })
    const { runner, logger, stop } = testRunner(pipelineConfig(source, sink), { stateStore: store })
    const done = runner.run()
    await until(() => runner.snapshot().problem === 'the store is away')
    const polls = source.polls.length
    await until(() => sink.written.length === 3)
    expect(source.polls).toHaveLength(polls)
    store.doubt = undefined
    await until(() => sink.written.length === 6)
    expect(logger.lines.filter(({ message }) => message.includes('the store is away'))).toHaveLength(1)
    stop()
    await done
  })
})
