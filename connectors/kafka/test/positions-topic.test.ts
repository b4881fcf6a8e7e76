import { beforeEach, describe, expect, it } from '@jest/globals'
import { type PackedInput, type Positions, packRecords } from '@connect-run/core'
import { fakeClock, recordingLogger } from '@connect-run/testkit/conformance'
import type { Fetched } from '../src/client/consumer-client.ts'
import { PositionsTopic } from '../src/positions-topic.ts'
import type { KafkaSinkConfig } from '../src/sink-config.ts'
import { FakeConsumer } from './fake-consumer.ts'

const topic = 'connect-w-p-positions'

function stored(offset: number, partition: number, position: number): PackedInput {
  const key = Buffer.from(JSON.stringify(['w-p', 'in', partition]))
  const value = Buffer.from(JSON.stringify({ offset: position }))
  return { stream: topic, partition: 0, offset, timestamp: -1, key, value }
}

function fetched(rows: readonly PackedInput[], end?: number): Fetched {
  const ends = end === undefined ? [] : [{ stream: topic, partition: 0, offset: end }]
  return { batch: packRecords(rows), ends, errors: [] }
}

describe('the positions topic', () => {
  let consumer: FakeConsumer
  beforeEach(() => {
    consumer = new FakeConsumer()
  })

  function read(): Promise<Positions> {
    const config = { brokers: 'b:1', connectTimeout: 1000 } as KafkaSinkConfig
    const [clock, logger] = [fakeClock(), recordingLogger()]
    return new PositionsTopic({ config, topic, task: 'w-p', library: consumer.library, clock, logger }).read()
  }

  it('is read up to the end that the brokers say, though one says before that this is all', async () => {
    consumer.high.set(`${topic}/0`, 3)
    consumer.next = [
      fetched([stored(0, 0, 10)], 1),
      fetched([stored(1, 0, 20)]),
      fetched([stored(2, 1, 30)], 3),
      fetched([stored(3, 0, 40)], 4),
    ]
    expect(await read()).toEqual([
      { stream: 'in', partition: 0, position: { offset: 20 } },
      { stream: 'in', partition: 1, position: { offset: 30 } },
    ])
    expect(consumer.calls).toEqual([`assign ${topic}/0@-2`, 'disconnect'])
  })

  it('may be empty', async () => {
    consumer.next = [fetched([], 0)]
    expect(await read()).toEqual([])
  })
})
