import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, it } from '@jest/globals'
import { type Positions, type RecordBatch, packRecords } from '@connect-run/core'
import { validateOptions } from '@connect-run/core/runtime'
import { type TestContext, testContext } from '@connect-run/testkit/conformance'
import { kafkaAt, service } from '@connect-run/testkit/services'
import { paths } from './paths.ts'
import { KafkaSinkTask } from '../src/sink-task.ts'
import { type KafkaSinkConfig, sinkSchema } from '../src/sink-config.ts'

const kafka = await service('kafka')

const never = new AbortController().signal

function batchOf(...values: readonly string[]): RecordBatch {
  return packRecords(
    values.map((value, offset) => {
      return { stream: 'in', partition: 0, timestamp: -1, key: null, offset, value: Buffer.from(value) }
    }),
  )
}

function at(offset: number, stream = '/in.txt', ended?: true): Positions[number] {
  return { stream, partition: 0, position: { offset, token: { inode: 7 }, ...(ended && { ended }) } }
}

kafka.describe('the kafka sink in transactions, of a source that keeps no positions', () => {
  const topics = kafkaAt(kafka.address)
  const running: KafkaSinkTask[] = []

  afterEach(async () => {
    await Promise.all(running.splice(0).map((task) => task.stop()))
  })

  async function start(
    topic: string,
    options: object = {},
    pipeline = topic,
  ): Promise<{ task: KafkaSinkTask; context: TestContext<KafkaSinkConfig> }> {
    const all = { brokers: kafka.address, topic, createTopic: {}, ...options }
    const { config, issues } = validateOptions(sinkSchema as never, all as never)
    if (config === undefined) throw new Error(JSON.stringify(issues))
    const context = testContext({ config: config as unknown as KafkaSinkConfig, pipeline })
    const task = new KafkaSinkTask()
    running.push(task)
    await task.start({ ...context, exactlyOnce: { member: undefined } })
    return { task, context }
  }

  const recover = (task: KafkaSinkTask, stored: Positions = []): Promise<Positions> =>
    task.recover!({ partitions: undefined, stored })

  const read = async (topic: string, committedOnly = true): Promise<string[]> =>
    (await topics.consumeAll(topic, { committedOnly })).map(({ value }) => value!.toString())

  const newName = (): string => `tx-${randomUUID().slice(0, 8)}`

  describe.each(paths)('by the %s calls', (_path, packed) => {
    it('shows records with their positions, and neither of a transaction that did not end', async () => {
      const topic = newName()
      const { task } = await start(topic, { packed })
      expect(await recover(task)).toEqual([])
      await task.put(batchOf('a', 'b'), never)
      expect([await read(topic), await read(topic, false)]).toEqual([[], ['a', 'b']])
      await task.commit!([at(2), at(1, '/other.txt')])
      await task.put(batchOf('c'), never)
      await task.stop()
      expect([await read(topic), await read(topic, false)]).toEqual([
        ['a', 'b'],
        ['a', 'b', 'c'],
      ])
      const { task: next } = await start(topic, { packed })
      expect(await recover(next)).toEqual([at(2), at(1, '/other.txt')])
    })

    it('takes the last of each position, forgets those that have ended, and passes them without records too', async () => {
      const topic = newName()
      const { task } = await start(topic, { packed })
      await recover(task)
      await task.commit!([at(2), at(1, '/other.txt')])
      await task.commit!([at(5)])
      await task.commit!([at(1, '/other.txt', true)])
      await task.stop()
      const { task: next } = await start(topic, { packed })
      expect(await recover(next)).toEqual([at(5)])
    })

    it('shuts the sink before it out, whatever that still tries, and aborts what it had open', async () => {
      const topic = newName()
      const { task: zombie } = await start(topic, { packed })
      await recover(zombie)
      await zombie.put(batchOf('a'), never)
      await zombie.commit!([at(1)])
      await zombie.put(batchOf('lost'), never)
      const { task } = await start(topic, { packed })
      expect(await recover(task)).toEqual([at(1)])
      const fenced = { code: 'FENCED', kind: 'fatal' }
      await expect(zombie.put(batchOf('late'), never)).rejects.toMatchObject(fenced)
      await expect(zombie.commit!([at(3)])).rejects.toMatchObject(fenced)
      await task.put(batchOf('b'), never)
      await task.commit!([at(2)])
      expect(await read(topic)).toEqual(['a', 'b'])
    })

    it('sets a record aside that is too large without harm to the others', async () => {
      const topic = newName()
      const { task } = await start(topic, { packed, maxRequestSize: '2000B' })
      await recover(task)
      await expect(task.put(batchOf('a', 'x'.repeat(1965), 'b'), never)).rejects.toMatchObject({
        code: 'PARTIAL_BATCH',
        failures: [{ row: 1, error: { kind: 'record', code: 'RECORD_TOO_LARGE' } }],
      })
      await task.put(batchOf('x'.repeat(1964)), never)
      await task.commit!([at(4)])
      expect((await read(topic)).map((value) => value.length)).toEqual([1, 1, 1964])
    })
  })

  it('writes beside its topic in the same transaction, on the same cluster', async () => {
    const [topic, dead] = [newName(), newName()]
    const { task, context } = await start(topic)
    await recover(task)
    const config = { ...context.config, topic: dead }
    const beside = task.beside!(config)!
    await beside.put(batchOf('dead'), never)
    expect(await read(dead)).toEqual([])
    await task.commit!([at(1)])
    expect(await read(dead)).toEqual(['dead'])
    expect(task.beside!({ ...config, brokers: 'elsewhere:9092' })).toBeUndefined()
  })

  it('says where the positions come from when their topic is gone', async () => {
    const topic = newName()
    const { task, context } = await start(topic)
    expect(await recover(task, [at(7)])).toEqual([])
    const warnings = context.logger.entries.filter(({ level }) => level === 'warn').map(({ message }) => message)
    expect(warnings).toEqual([
      `there was no topic connect-worker-${topic}-positions; goes on from the positions of the state store`,
    ])
  })

  it('refuses a positions topic that another pipeline writes to: its open transaction would hide what is committed', async () => {
    const [topic, positionsTopic] = [newName(), newName()]
    const { task } = await start(topic, { positionsTopic })
    await recover(task)
    await task.commit!([at(1)])
    const { task: other } = await start(topic, { positionsTopic }, 'other')
    await expect(recover(other)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `the topic ${positionsTopic} holds positions of worker-${topic} as well`,
    })
  })
})
