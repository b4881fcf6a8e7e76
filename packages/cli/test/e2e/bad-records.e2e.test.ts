import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { type ConsumedRecord, kafkaAt, service } from '@connect-run/testkit/services'
import { oceanicConfig, readings } from './oceanic.ts'
import { type Workplace, expectExit, workplace } from './worker-process.ts'

const kafka = await service('kafka')

kafka.describe('records that can not be written', () => {
  let place: Workplace
  let topic: string
  let cnosdb: CnosdbServer
  const broker = kafkaAt(kafka.address)

  beforeEach(async () => {
    place = await workplace()
    cnosdb = await startCnosdbServer()
    topic = `bad-${randomUUID().slice(0, 8)}`
    await broker.createTopic(topic, { partitions: 1 })
  })

  afterEach(async () => {
    await place.close()
    await cnosdb.stop()
    await broker.deleteTopic(topic)
    await broker.deleteTopic(`${topic}.dlq`)
  })

  async function runOnce(): Promise<{ ledger: string; letters: ConsumedRecord[] }> {
    const pipeline = `errors: {tolerance: all, deadLetterQueue: {topic: ${topic}.dlq}}`
    const text = oceanicConfig({ brokers: kafka.address, url: cnosdb.url, topic, pipeline })
    const worker = place.start([await place.write('oceanic.yaml', text), '--once'])
    await expectExit(worker, 0)
    // What can't be decoded is set aside at once, what the sink refuses a little later: the queue has no order.
    const letters = await broker.consumeAll(`${topic}.dlq`)
    const offsetOf = (letter: ConsumedRecord): number => Number(errorHeaders(letter)['offset'])
    return { ledger: worker.output(), letters: letters.sort((a, b) => offsetOf(a) - offsetOf(b)) }
  }

  it('go to the dead letter queue with reason, coordinates and their bytes; the others are all written', async () => {
    const good = [...readings(10_000, { partitions: 1 })]
    const bad = [{ value: 'not json' }, { value: '42' }, { value: '' }, { value: null }]
    const mixed = good.flatMap((reading, i) => (i % 2500 === 1234 ? [bad[Math.floor(i / 2500)]!, reading] : [reading]))
    await broker.produce(
      topic,
      mixed.map((record) => Object.assign({ partition: 0 }, record)),
    )

    const { ledger, letters } = await runOnce()

    expect(cnosdb.count('kafka_consumer')).toBe(10_000)
    expect(letters.map((letter) => letter.value?.toString())).toEqual(['not json', '42', ''])
    const told = letters.map(errorHeaders)
    expect(told.map(({ topic: stream, partition, offset }) => [stream, partition, offset])).toEqual([
      [topic, '0', '1234'],
      [topic, '0', '3735'],
      [topic, '0', '6236'],
    ])
    expect(told.map(({ stage }) => stage)).toEqual(['VALUE_CONVERTER', 'TASK_PUT', 'VALUE_CONVERTER'])
    for (const headers of told) expect(headers['exception.message']).toBeTruthy()
    expect(ledger).toMatch(/10,?004/)
    expect(await broker.committedOffsets(`connect-${topic}-main`, topic)).toEqual({ 0: 10_004 })
  })

  it('name the column whose type does not fit, and nothing else is touched', async () => {
    const good = [...readings(10_000, { partitions: 1 })]
    const mixed = good.flatMap((reading, i) => {
      return i % 100 === 50 ? [{ value: '{"pressure": "high", "temperature": 1.5}' }, reading] : [reading]
    })
    await broker.produce(
      topic,
      mixed.map((record) => Object.assign({ partition: 0 }, record)),
    )

    const { letters } = await runOnce()

    expect(cnosdb.count('kafka_consumer')).toBe(10_000)
    expect(letters).toHaveLength(100)
    for (const letter of letters) {
      expect(letter.value?.toString()).toBe('{"pressure": "high", "temperature": 1.5}')
      expect(errorHeaders(letter)).toMatchObject({ code: 'COLUMN_TYPE_CONFLICT' })
      expect(errorHeaders(letter)['exception.message']).toContain('pressure')
    }
  })
})

function errorHeaders(letter: ConsumedRecord): Record<string, string> {
  const found: Record<string, string> = {}
  for (const header of letter.headers) {
    for (const [name, value] of Object.entries(header)) {
      if (name.startsWith('__connect.errors.')) found[name.slice('__connect.errors.'.length)] = String(value)
    }
  }
  return found
}
