import { describe, expect, it } from '@jest/globals'
import type { PipelineConfig, StateStore, StoredState } from '@connect-run/core/runtime'

import { status } from '../../src/commands/status.ts'
import { runProgram } from '../../src/program.ts'
import { type FakeHost, fakeHost, workerConfig } from '../fake-host.ts'

const counts = {
  read: 0,
  written: 0,
  filtered: 0,
  skipped: 0,
  retried: 0,
  parked: 0,
  deadLettered: 0,
  dropped: 0,
  released: 0,
}
const pipeline = { name: 'main', source: { plugin: { name: 'file' } }, sink: { plugin: { name: 'cnosdb' } } }
const savedAtMs = Date.UTC(2026, 0, 31, 12)

function stored(task: string, changes: Partial<StoredState>): StoredState {
  return { task, positions: [], ledger: [], savedAtMs, ...changes }
}

/** A host whose state store has this of the pipeline. */
function hostWith(states: readonly StoredState[], changes: Partial<StateStore> = {}): FakeHost & { closed: string[] } {
  const closed: string[] = []
  const stateStore: StateStore = {
    open: () => Promise.reject(new Error('status claims nothing')),
    read: async (task) => (task === 'oceanic-main' ? states : []),
    close: async () => void closed.push('store'),
    ...changes,
  }
  const config = workerConfig('oceanic', {
    state: { kind: 'file', folder: '/state' },
    pipelines: [pipeline as unknown as PipelineConfig],
  })
  const host = fakeHost({ configs: { 'a.yaml': config }, openState: async () => ({ stateStore }) })
  return Object.assign(host, { closed })
}

const text = { format: 'text', partitions: false } as const

describe('status', () => {
  it('shows what became of the records of all workers of a pipeline', async () => {
    const host = hostWith([
      stored('oceanic-main@0', { ledger: [{ ...counts, stream: 't', partition: 0, read: 1500, written: 1499 }] }),
      stored('oceanic-main@1', {
        heldBy: 'process 7 on host buoy',
        savedAtMs: savedAtMs + 1000,
        ledger: [{ ...counts, stream: 't', partition: 0, read: 10, written: 6, filtered: 1, released: 3, retried: 2 }],
      }),
    ])
    expect(await status(['a.yaml'], text, host)).toBe(0)
    expect(host.stdout.text.split('\n')).toEqual([
      'oceanic  oceanic.yaml, state in file:/state',
      '',
      'pipeline   read  written  filtered  dead-lettered  in flight  released  retried',
      'main      1,510    1,505         1              0          1         3        2  adds up',
      '',
      'pipeline  stored at                 run by',
      'main      2026-01-31T12:00:01.000Z  process 7 on host buoy',
      '',
    ])
  })

  it('fits a terminal of 80 columns when a worker was killed amid a hundred million records', async () => {
    const ledger = { ...counts, stream: 't', partition: 0, read: 123_456_789, written: 123_456_000, released: 789 }
    const host = hostWith([stored('oceanic-main', { ledger: [ledger], heldBy: 'process 1234567 on host buoy-eu-1' })])
    expect(await status(['a.yaml'], { ...text, partitions: true }, host)).toBe(0)
    expect(Math.max(...host.stdout.text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  it('shows each partition with its position, and those that have ended as one', async () => {
    const host = hostWith([
      stored('oceanic-main', {
        positions: [{ stream: '/in/b.csv', partition: 0, position: { offset: 4096 } }],
        ledger: [
          { ...counts, stream: '/in/b.csv', partition: 0, read: 40, written: 40 },
          { ...counts, stream: '', partition: 0, read: 900, written: 898, dropped: 2 },
        ],
      }),
    ])
    expect(await status(['a.yaml'], { ...text, partitions: true }, host)).toBe(0)
    expect(host.stdout.text.split('\n').slice(7)).toEqual([
      '',
      'main',
      'partition    position  read  written  dead-lettered  dropped',
      '/in/b.csv/0     4,096    40       40              0        0  adds up',
      '(ended)                 900      898              0        2  adds up',
      '',
    ])
  })

  it('ends with 1 where a stored ledger does not add up', async () => {
    const wrong = { ...counts, stream: 't', partition: 1, read: 5, written: 6 }
    const right = { ...counts, stream: 't', partition: 0, read: 9, written: 5 }
    const host = hostWith([stored('oceanic-main', { ledger: [wrong, right] })])
    expect(await runProgram(['status', 'a.yaml', '--partitions'], '1', host)).toBe(1)
    expect(host.stdout.text).not.toContain('position')
    expect(host.stdout.text).toMatch(/t\/1 .*DOES NOT ADD UP/)
    expect(host.stdout.text).toMatch(/t\/0 .*adds up/)
  })

  it('says that nothing is stored yet', async () => {
    const host = hostWith([])
    expect(await status(['a.yaml'], { ...text, partitions: true }, host)).toBe(0)
    expect(host.stdout.text).toMatch(/^main +nothing yet$/m)
  })

  it('gives a program all of it, and closes the store', async () => {
    const ledger = [{ ...counts, stream: 't', partition: 0, read: 5, written: 3 }]
    const positions = [{ stream: 't', partition: 0, position: { offset: 3 } }]
    const host = hostWith([stored('oceanic-main', { ledger, positions })])
    expect(await status(['a.yaml'], { format: 'json', partitions: false }, host)).toBe(0)
    expect(JSON.parse(host.stdout.text)).toMatchObject([
      {
        worker: 'oceanic',
        state: 'file:/state',
        pipelines: [
          {
            pipeline: 'main',
            source: 'file',
            sink: 'cnosdb',
            addsUp: true,
            savedAt: '2026-01-31T12:00:00.000Z',
            ledger: { read: 5, written: 3, inFlight: 2 },
            partitions: [{ stream: 't', partition: 0, offset: 3, ledger: { read: 5, inFlight: 2 } }],
            states: [{ task: 'oceanic-main', positions, ledger }],
          },
        ],
      },
    ])
    expect(host.closed).toEqual(['store'])
  })

  it('ends with 3 where the state can’t be read, and says what to do', async () => {
    const broken = Object.assign(new Error('the state is damaged'), { code: 'STATE_UNREADABLE', hint: 'restore it' })
    const host = hostWith([], { read: () => Promise.reject(broken) })
    expect(await status(['a.yaml'], text, host)).toBe(3)
    expect(host.stderr.text).toBe('the state is damaged\nrestore it\n')
    expect(host.closed).toEqual(['store'])
  })
})
