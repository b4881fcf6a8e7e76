import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type MockKafka, startMockKafka } from '@connect-run/testkit/embedded'
import { type KafkaTopics, kafkaAt } from '@connect-run/testkit/services'
import { paths } from './paths.ts'
import { Reader } from './reader.ts'

/** In a rebalance the mock waits for as long as a session lasts. */
const properties = { 'session.timeout.ms': 6000 }

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

describe('the kafka source on the mock cluster', () => {
  let mock: MockKafka
  let topics: KafkaTopics

  beforeAll(async () => {
    mock = await startMockKafka()
    topics = kafkaAt(mock.bootstrap)
  })

  afterAll(() => mock.stop())

  it.each(paths)('reads to the end positions, and goes on where it stood (%s)', async (_path, packed) => {
    const topic = `mock-${randomUUID()}`
    const options = { brokers: mock.bootstrap, topics: [topic], groupId: topic, packed, properties }
    await topics.produce(
      topic,
      upTo(100).map((n) => ({ value: `${n}`, partition: n % 4 })),
    )
    const first = await Reader.start({ options, once: true })
    const ends = await first.task.endPositions()
    expect(ends.map(({ position }) => position.offset)).toEqual([25, 25, 25, 25])
    await first.until(() => first.positions.length === 4 && first.rows.length === 100, 'the end')
    await first.stop()
    await topics.produce(topic, [{ value: '100', partition: 0 }])
    const second = await Reader.start({ options, once: true })
    await second.until(() => second.positions.length === 4 && second.rows.length > 0, 'the end')
    await second.stop()
    expect(second.values).toEqual(['100'])
  })

  // That nothing is doubled is shown on the real broker: the mock now and then refuses the commit of a member that
  // gives partitions up, and whoever gets them reads them from where they were committed before.
  it('loses nothing in a rebalance', async () => {
    const topic = `mock-${randomUUID()}`
    const options = { brokers: mock.bootstrap, topics: [topic], groupId: topic, instanceId: '', properties }
    await topics.produce(
      topic,
      upTo(8000).map((n) => ({ value: `${n}`, partition: n % 4 })),
    )
    const slowly = { onBatch: () => new Promise<void>((resolve) => setTimeout(resolve, 10)), maxRecords: 100 }
    const first = await Reader.start({ options, ...slowly })
    await first.rowsAre(500)
    const second = await Reader.start({ options, ...slowly })
    await second.until(() => second.owned.length === 2, 'half of the partitions')
    // Enough for both, whatever was read meanwhile.
    await topics.produce(
      topic,
      upTo(2000).map((n) => ({ value: `${8000 + n}`, partition: n % 4 })),
    )
    const read = (): Set<string | null> => new Set([...first.values, ...second.values])
    await first.until(() => read().size >= 10_000, 'all rows')
    await Promise.all([first.stop(), second.stop()])
    expect([...read()].map(Number).sort((one, other) => one - other)).toEqual(upTo(10_000))
    expect(second.rows.length).toBeGreaterThan(0)
  })
})
