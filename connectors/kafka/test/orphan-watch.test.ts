import { beforeEach, describe, expect, it } from '@jest/globals'
import { fakeClock, recordingLogger } from '@connect-run/testkit/conformance'
import { OrphanWatch } from '../src/orphan-watch.ts'

describe('the watch for partitions that nobody reads', () => {
  let position: number | undefined
  let first: number
  let end: number
  let isOurs: boolean
  let nudges: number
  let failure: Error | undefined
  let logger: ReturnType<typeof recordingLogger>
  let watch: OrphanWatch
  let clock: ReturnType<typeof fakeClock>

  beforeEach(() => {
    ;[position, first, end, isOurs, nudges, failure] = [5, 0, 9, false, 0, undefined]
    clock = fakeClock()
    logger = recordingLogger()
    watch = new OrphanWatch({
      client: { committed: async () => [position], offsets: async (_, query) => [query === 'earliest' ? first : end] },
      clock,
      logger,
      others: async () => (isOurs ? [] : [{ stream: 't', partition: 3 }]),
      nudge: async () => {
        if (failure !== undefined) throw failure
        nudges++
      },
    })
  })

  /** So many looks. */
  async function look(times: number): Promise<number> {
    for (let i = 0; i < times; i++) {
      await clock.advance(10_000)
      watch.tick()
      await new Promise(setImmediate)
    }
    return nudges
  }

  it('nudges the group when records wait and nobody commits, and says so', async () => {
    expect(await look(1)).toBe(0)
    expect(await look(1)).toBe(1)
    expect(logger.entries).toMatchObject([{ level: 'warn', fields: { partitions: ['t/3'] } }])
  })

  it('does not nudge again for the same position, as its reader may have a sink that is down', async () => {
    expect(await look(20)).toBe(1)
    position = 6
    expect(await look(20)).toBe(2)
  })

  it('is the more patient the more often it has disturbed a reader that commits seldom', async () => {
    end = 1000
    for (position = 5; position < 20; position++) await look(6)
    expect(nudges).toBe(3)
  })

  it('nudges again where that went wrong', async () => {
    failure = new Error('no broker')
    expect(await look(3)).toBe(0)
    failure = undefined
    expect(await look(3)).toBe(1)
  })

  it('leaves the group alone while commits go on', async () => {
    end = 1000
    for (position = 5; position < 20; position++) await look(1)
    expect(nudges).toBe(0)
  })

  it('leaves the group alone where no record waits, or all partitions are its own', async () => {
    position = end
    expect(await look(5)).toBe(0)
    ;[position, isOurs] = [5, true]
    expect(await look(5)).toBe(0)
  })

  it('leaves the group alone where retention has removed all records, committed or not', async () => {
    first = end
    expect(await look(5)).toBe(0)
    position = undefined
    expect(await look(5)).toBe(0)
    first = end - 1
    expect(await look(2)).toBe(1)
  })

  it('does nothing once it is stopped', async () => {
    await look(1)
    await watch.stop()
    expect(await look(1)).toBe(0)
  })
})
