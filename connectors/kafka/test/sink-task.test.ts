import { describe, expect, it } from '@jest/globals'
import { type PackedInput, type RecordBatch, packRecords } from '@connect-run/core'
import { testContext } from '@connect-run/testkit/conformance'
import { KafkaError } from '../src/kafka-error.ts'
import type { OutgoingRecords, ProducerClient, SendFailure, TransactionCalls } from '../src/client/producer-client.ts'
import { KafkaSinkTask } from '../src/sink-task.ts'
import type { KafkaSinkConfig } from '../src/sink-config.ts'

const config: KafkaSinkConfig = {
  brokers: 'b:1',
  topic: 't',
  connectTimeout: 1000,
  compression: 'none',
  partitioner: 'murmur2_random',
  maxRequestSize: 1_000_000,
  deliveryTimeout: 30_000,
  transactionTimeout: 60_000,
  packed: true,
}
const never = new AbortController().signal

/** A broker that refuses records by the number that is their value, and a whole call where one of its rows is too large. */
class FakeProducer implements ProducerClient {
  readonly sent: number[][] = []
  readonly created: string[] = []
  readonly failing = new Map<number, number>()
  topicNames = new Map<string, number>()

  connect(): Promise<void> {
    return Promise.resolve()
  }

  send(_: string, { count, buffer, valueStart, valueEnd }: OutgoingRecords): Promise<SendFailure[]> {
    const numberOf = (i: number): number => Number(buffer.toString('utf8', valueStart[i], valueEnd[i]))
    const sent = Array.from({ length: count }, (_unused, i) => numberOf(i))
    this.sent.push(sent)
    const whole = sent.some((number) => this.failing.get(number) === 10)
    const codes = sent.map((number) => (whole ? 10 : this.failing.get(number)))
    const failed = codes.map((code, index) => ({ index, error: new KafkaError(code ?? 0, 'refused') }))
    return Promise.resolve(failed.filter(({ error }) => error.code !== 0))
  }

  topics(): Promise<ReadonlyMap<string, number>> {
    return Promise.resolve(this.topicNames)
  }

  createTopic({ name }: { name: string }): Promise<void> {
    this.created.push(name)
    return name === 'taken' ? Promise.reject(new KafkaError(36, 'exists')) : Promise.resolve()
  }

  touchTopic(name: string): Promise<boolean> {
    return Promise.resolve(name !== 'missing')
  }

  readonly transactionCalls: string[] = []
  /** Errors of the next calls, by their name. */
  readonly refusing = new Map<string, KafkaError[]>()
  readonly transactions: TransactionCalls = {
    init: () => this.#transact('init'),
    begin: () => this.#transact('begin'),
    sendOffsets: (offsets) => this.#transact(`offsets ${offsets.map(({ offset }) => offset).join()}`),
    commit: () => this.#transact('commit'),
    abort: () => this.#transact('abort'),
  }

  async #transact(call: string): Promise<void> {
    this.transactionCalls.push(call)
    const error = this.refusing.get(call.split(' ')[0]!)?.shift()
    if (error !== undefined) throw error
  }

  disconnect(): Promise<void> {
    return Promise.resolve()
  }
}

async function started(options: Partial<KafkaSinkConfig> = {}): Promise<{ task: KafkaSinkTask; client: FakeProducer }> {
  const client = new FakeProducer()
  const task = new KafkaSinkTask(() => Promise.resolve({ features: ['gzip'], packed: true, open: () => client }))
  await task.start(testContext({ config: { ...config, ...options } }))
  return { task, client }
}

/** Rows of partitions 0 and 1 in turn. */
function batchOf(count: number): RecordBatch {
  const row = (n: number): PackedInput => ({
    stream: 'in',
    partition: n % 2,
    offset: n,
    timestamp: -1,
    key: null,
    value: Buffer.from(`${n}`),
  })
  return packRecords(Array.from({ length: count }, (_, n) => row(n)))
}

describe('the kafka sink', () => {
  it('finds the record that is too large by halves, and keeps the order of the others', async () => {
    const { task, client } = await started()
    client.failing.set(5, 10)
    await expect(task.put(batchOf(8), never)).rejects.toMatchObject({
      code: 'PARTIAL_BATCH',
      failures: [{ row: 5, error: { kind: 'record', code: 'RECORD_TOO_LARGE' } }],
    })
    expect(client.sent).toEqual([[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [6, 7]])
  })

  it('asks for rows behind one that is put again to be put again too, within their partition', async () => {
    const { task, client } = await started()
    client.failing.set(2, -192)
    client.failing.set(4, 87)
    await expect(task.put(batchOf(8), never)).rejects.toMatchObject({
      failures: [
        { row: 2, error: { kind: 'retriable', code: 'TIMEOUT' } },
        { row: 4, error: { kind: 'record', code: 'RECORD_REJECTED' } },
        { row: 6, error: { kind: 'retriable', code: 'TIMEOUT' } },
      ],
    })
  })

  it('fails as a whole where nothing was written', async () => {
    const { task, client } = await started()
    for (const row of [0, 1]) client.failing.set(row, 7)
    await expect(task.put(batchOf(4), never)).rejects.toMatchObject({ kind: 'retriable', code: 'TIMEOUT' })
  })

  it('stops the task where the right is missing', async () => {
    const { task, client } = await started()
    client.failing.set(1, 29)
    await expect(task.put(batchOf(4), never)).rejects.toMatchObject({ kind: 'fatal', code: 'AUTH_FAILED' })
  })

  it('creates each topic once, unless it is there', async () => {
    const { task, client } = await started({ topic: '${topic}', createTopic: { partitions: 1, replicationFactor: 1 } })
    await task.put(batchOf(2), never)
    await task.put(batchOf(2), never)
    expect(client.created).toEqual(['in'])
    await started({ topic: 'taken', createTopic: { partitions: 1, replicationFactor: 1 } })
  })

  it('does not start without its topic, unless it may create it', async () => {
    await expect(started({ topic: 'missing' })).rejects.toMatchObject({
      kind: 'retriable',
      code: 'TOPIC_MISSING',
      message: "can't write to missing: there is no such topic",
      hint: expect.stringContaining('`createTopic`'),
    })
    await started({ topic: 'missing', createTopic: { partitions: 1, replicationFactor: 1 } })
  })

  it('says what the build lacks', async () => {
    await expect(started({ compression: 'zstd' })).rejects.toMatchObject({
      code: 'FEATURE_MISSING',
      message: '`compression: zstd` needs `zstd`, which this build of node-rdkafka lacks',
    })
  })
})

describe('the kafka sink of an exactly-once pipeline', () => {
  const member = {
    groupId: 'g',
    instanceId: 'host-0',
    lend: (_: unknown, call: (consumer: unknown) => unknown) => call('consumer'),
  }

  async function transactional(lent: unknown = member): Promise<{ task: KafkaSinkTask; client: FakeProducer }> {
    const client = new FakeProducer()
    const task = new KafkaSinkTask(() => Promise.resolve({ features: [], packed: true, open: () => client }))
    await task.start({ ...testContext({ config }), exactlyOnce: { member: () => lent } })
    return { task, client }
  }

  const positions = [{ stream: 'in', partition: 0, position: { offset: 7 } }]

  it('makes the positions of the group part of the transaction', async () => {
    const { task, client } = await transactional()
    await task.put(batchOf(2), never)
    await task.commit!(positions)
    await task.put(batchOf(2), never)
    await task.stop()
    expect(client.transactionCalls).toEqual(['init', 'begin', 'offsets 7', 'commit', 'begin', 'abort'])
  })

  it('never sends a record twice in one transaction', async () => {
    const { task, client } = await transactional()
    client.failing.set(5, 10)
    await expect(task.put(batchOf(8), never)).rejects.toMatchObject({ kind: 'fatal', code: 'RECORD_TOO_LARGE' })
    await expect(task.put(batchOf(4), never)).rejects.toMatchObject({ kind: 'fatal' })
    await expect(task.commit!(positions)).rejects.toMatchObject({ kind: 'fatal' })
    expect(client.sent).toHaveLength(1)
    expect(client.transactionCalls).toEqual(['init', 'begin'])
  })

  it.each([
    ['lends nothing', null, 'PLUGIN_INVALID'],
    ['is not static', { ...member, instanceId: undefined }, 'CONFIG_INVALID'],
  ])('refuses a member that %s', async (_, lent, code) => {
    const { task } = await transactional(lent)
    await expect(task.commit!(positions)).rejects.toMatchObject({ code, kind: 'fatal' })
  })

  it('has none of it otherwise', async () => {
    const { task, client } = await started()
    await task.put(batchOf(2), never)
    expect([task.transactional, task.commit, task.recover, task.beside]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect(client.transactionCalls).toEqual([])
  })
})
