import { beforeEach, describe, expect, it } from '@jest/globals'
import { type FakeClock, type RecordingLogger, fakeClock, testContext } from '@connect-run/testkit/conformance'
import { BrokerWatch } from '../src/broker-watch.ts'
import { KafkaError } from '../src/kafka-error.ts'

const timedOut = new KafkaError(-185, 'Local: Timed out')
const allDown = new KafkaError(-187, 'all broker connections are down')

describe('the watch over the brokers', () => {
  let clock: FakeClock
  let logger: RecordingLogger
  let watch: BrokerWatch
  let asked: number
  /** What the next question is answered with; undefined is an answer, null that there is nothing to ask. */
  let refusal: KafkaError | undefined | null

  beforeEach(() => {
    clock = fakeClock()
    logger = testContext({ config: {} }).logger
    asked = 0
    refusal = undefined
    watch = new BrokerWatch({ brokers: 'b:1', clock, logger, probe: () => answer() })
  })

  function answer(): Promise<unknown> | undefined {
    if (refusal === null) return undefined
    asked++
    return refusal === undefined ? Promise.resolve() : Promise.reject(refusal)
  }

  /** Ticks once a second. */
  async function pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      await clock.advance(1000)
      watch.tick()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  const lines = (): string[] => logger.entries.map(({ level, message }) => `${level} ${message}`)

  it('asks only after silence', async () => {
    for (let i = 0; i < 20; i++) {
      await pass(1)
      watch.answered()
    }
    expect(asked).toBe(0)
    await pass(20)
    expect(asked).toBe(4)
    expect(lines()).toEqual([])
  })

  it('warns once of silence, and counts it from the last answer', async () => {
    await pass(5)
    refusal = timedOut
    await pass(75)
    refusal = undefined
    await pass(2)
    expect(lines()).toEqual([
      expect.stringMatching(/^warn no broker of b:1 has answered for 1[0-2] s; waiting$/),
      expect.stringMatching(/^info the brokers answer again after 7[5-7] s$/),
    ])
  })

  it('warns at once when all are known to be down, and not again for silence', async () => {
    refusal = timedOut
    watch.failed(new KafkaError(-195, 'refused'))
    watch.failed(allDown)
    await pass(30)
    watch.failed(allDown)
    watch.answered()
    expect(lines()).toEqual([
      'warn no broker of b:1 answers (refused); reconnecting',
      'info the brokers answer again after 30 s',
    ])
  })

  it('takes a refusal for an answer', async () => {
    for (const code of [3, -190]) {
      refusal = new KafkaError(code, 'no such partition')
      await pass(30)
    }
    expect(lines()).toEqual([])
  })

  it('does not count the time in which nothing could be asked', async () => {
    refusal = null
    await pass(3600)
    refusal = timedOut
    await pass(9)
    expect(lines()).toEqual([])
    await pass(5)
    refusal = undefined
    await pass(2)
    expect(lines()).toEqual([
      expect.stringMatching(/^warn no broker of b:1 has answered for 1\d s; waiting$/),
      expect.stringMatching(/^info the brokers answer again after 1\d s$/),
    ])
  })

  it('asks while a call takes long', async () => {
    let finish = (): void => undefined
    const call = watch.during(() => new Promise<void>((resolve) => (finish = resolve)))
    refusal = timedOut
    for (let i = 0; i < 14; i++) {
      await clock.advance(1000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    finish()
    await call
    const before = asked
    await clock.advance(10_000)
    expect(lines()).toEqual([expect.stringMatching(/^warn no broker of b:1 has answered for 1\d s; waiting$/)])
    expect(asked).toBe(before)
  })
})
