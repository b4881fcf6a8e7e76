import { describe, expect, it } from '@jest/globals'
import type { SourceTask } from '../../src/api/source-task.ts'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { OnceGate } from '../../src/worker/once-gate.ts'
import { partition, records } from '../support/pipeline.ts'

async function gateWith(ends: readonly number[]) {
  const tracker = new AckTracker()
  const gate = new OnceGate(tracker)
  const positions = ends.map((offset, number) => ({ ...partition(number), position: { offset } }))
  await gate.learn({ endPositions: async () => positions } as unknown as SourceTask, undefined)
  const read = (from: number, to: number, number: number): void => {
    tracker.register(packSourceRecords(records(from, to, number), 't'))
  }
  return { gate, read }
}

describe('OnceGate', () => {
  it('is reached when every partition was read up to its end, empty ones at once', async () => {
    const { gate, read } = await gateWith([3, 0, 2])
    expect(gate.reached(undefined)).toBe(false)
    read(0, 3, 0)
    read(0, 1, 2)
    expect(gate.reached(undefined)).toBe(false)
    expect(gate.remaining(undefined)).toBe(1)
    read(1, 2, 2)
    expect(gate.reached(undefined)).toBe(true)
    expect(gate.remaining(undefined)).toBe(0)
  })

  it('asks only for the partitions that are owned, and is not reached without one', async () => {
    const { gate, read } = await gateWith([3, 5])
    read(0, 3, 0)
    expect(gate.reached([partition(0)])).toBe(true)
    expect(gate.reached([partition(0), partition(1)])).toBe(false)
    expect(gate.reached([])).toBe(false)
  })

  it('knows nothing before the source has said its ends, and waits with asking as it is told', async () => {
    const gate = new OnceGate(new AckTracker())
    let asked = false
    const source = { endPositions: async () => ((asked = true), []) } as unknown as SourceTask
    let pass = (): void => undefined
    const learned = gate.learn(source, new Promise<void>((resolve) => (pass = resolve)))
    expect([gate.reached(undefined), gate.remaining(undefined), asked]).toEqual([false, undefined, false])
    pass()
    await learned
    expect([gate.reached(undefined), asked]).toEqual([true, true])
  })
})
