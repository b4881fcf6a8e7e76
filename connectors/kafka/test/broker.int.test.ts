import { randomUUID } from 'node:crypto'
import type { RecordBatch } from '@connect-run/core'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { type KafkaCluster, service, startKafka } from '@connect-run/testkit/services'
import { paths } from './paths.ts'
import { Reader } from './reader.ts'

const kafka = await service('kafka', { own: true })

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

kafka.describe('the kafka source when the broker', () => {
  let cluster: KafkaCluster

  beforeAll(async () => {
    cluster = await startKafka()
  }, 120_000)

  afterAll(() => cluster.stop())

  function optionsOf(topic: string, more: object = {}): Readonly<Record<string, unknown>> {
    return { brokers: cluster.bootstrap, topics: [topic], groupId: topic, ...more }
  }

  describe.each(paths)('has removed what the group wants (%s)', (_path, packed) => {
    async function removed(onMissingOffset: string): Promise<{ reader: Reader; topic: string }> {
      const topic = `removed-${randomUUID()}`
      await cluster.createTopic(topic)
      await cluster.produce(
        topic,
        upTo(21).map((n) => ({ value: `${n}` })),
      )
      // A broker that has just started still looks for the coordinator.
      await pollUntil(() => cluster.commitOffsets(topic, topic, { 0: 5 }).then(() => true), { what: 'the commit' })
      await cluster.deleteRecords(topic, { 0: 20 })
      return { reader: await Reader.start({ options: optionsOf(topic, { onMissingOffset, packed }) }), topic }
    }

    it('goes on at the earliest, and says what is lost', async () => {
      const { reader } = await removed('earliest')
      await reader.rowsAre(1)
      await reader.stop()
      expect(reader.values).toEqual(['20'])
      expect(reader.messages.join('\n')).toMatch(/15 records of .* were removed by retention .*; goes on at 20/)
      expect(reader.context.counts.get('offsets_lost_total')).toBe(15)
    })

    it('goes on at the latest if told so', async () => {
      const { reader, topic } = await removed('latest')
      await reader.until(() => reader.positions.length === 1, 'a position')
      expect(reader.positions).toEqual([{ stream: topic, partition: 0, position: { offset: 21 } }])
      await cluster.produce(topic, [{ value: '21' }])
      await reader.rowsAre(1)
      await reader.stop()
      expect(reader.values).toEqual(['21'])
      expect(reader.context.counts.get('offsets_lost_total')).toBe(16)
    })

    it('fails if told so', async () => {
      const { reader } = await removed('fail')
      await expect(reader.rowsAre(1)).rejects.toMatchObject({ code: 'OFFSET_MISSING', kind: 'fatal' })
      await reader.abandon()
    })

    it('goes on behind the gap if it is removed while the pipeline is full', async () => {
      const topic = `removed-${randomUUID()}`
      await cluster.createTopic(topic)
      // So that little is fetched in advance: one batch for each record, and one record at a time.
      const records = upTo(100).map((n) => ({ value: `${n}` }))
      await cluster.produce(topic, records, { 'batch.num.messages': 1 })
      const trickle = { 'fetch.message.max.bytes': 100, 'queued.min.messages': 1, 'queued.max.messages.kbytes': 1 }
      const options = optionsOf(topic, { packed, properties: trickle })
      const fillUp = (batch: RecordBatch): void => {
        if (batch.length > 0) reader.maxRecords = 0
      }
      const reader: Reader = await Reader.start({ options, maxRecords: 10, onBatch: async (batch) => fillUp(batch) })
      await reader.rowsAre(1)
      const paused = performance.now() + 2500
      await reader.until(() => performance.now() > paused, 'the pause')
      const before = reader.rows.length
      await cluster.deleteRecords(topic, { 0: 90 })
      await reader.until(() => {
        reader.maxRecords = 10
        return reader.values.at(-1) === '99'
      }, 'the last record')
      await reader.stop()
      expect(before).toBeLessThan(90)
      expect(reader.context.counts.get('offsets_lost_total') ?? 0).toBeGreaterThan(0)
      expect(reader.rows.length + reader.context.counts.get('offsets_lost_total')!).toBe(100)
    })
  })

  it('stops and comes back goes on, says both once, and loses and doubles nothing', async () => {
    const topic = `outage-${randomUUID()}`
    await cluster.createTopic(topic, { partitions: 2 })
    await cluster.produce(
      topic,
      upTo(1000).map((n) => ({ value: `${n}` })),
    )
    const reader = await Reader.start({ options: optionsOf(topic) })
    await reader.rowsAre(1000)
    await reader.commit()
    await cluster.brokers[0]!.kill()
    await reader.until(() => reader.messages.some((message) => message.startsWith('no broker of')), 'the warning')
    await expect(reader.commit()).rejects.toMatchObject({ kind: 'retriable' })
    await cluster.brokers[0]!.start()
    await reader.until(() => reader.messages.some((message) => message.includes('answer again')), 'the good news')
    await cluster.produce(
      topic,
      upTo(1000).map((n) => ({ value: `${1000 + n}` })),
    )
    await reader.rowsAre(2000)
    await reader.stop()
    expect(reader.values.map(Number).sort((one, other) => one - other)).toEqual(upTo(2000))
    expect(reader.messages.filter((message) => message.startsWith('no broker of'))).toHaveLength(1)
    expect(reader.messages.filter((message) => message.includes('answer again'))).toHaveLength(1)
    const committed = await cluster.committedOffsets(topic, topic)
    expect(committed[0]! + committed[1]!).toBe(2000)
  })

  it('hangs says so soon, and for how long', async () => {
    const topic = `hanging-${randomUUID()}`
    await cluster.createTopic(topic)
    await cluster.produce(topic, [{ value: '0' }])
    const reader = await Reader.start({ options: optionsOf(topic) })
    await reader.rowsAre(1)
    await cluster.brokers[0]!.pause()
    const began = performance.now()
    try {
      await reader.until(() => reader.messages.some((message) => message.startsWith('no broker of')), 'the warning')
    } finally {
      await cluster.brokers[0]!.resume()
    }
    const seconds = (performance.now() - began) / 1000
    await reader.until(() => reader.messages.some((message) => message.includes('answer again')), 'the good news')
    await reader.stop()
    expect(seconds).toBeLessThan(16)
    const [, told] = /answer again after (\d+) s/.exec(reader.messages.join('\n'))!
    expect(Math.abs(Number(told) - seconds)).toBeLessThan(9)
  })
})
