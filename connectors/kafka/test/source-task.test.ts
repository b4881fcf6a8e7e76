import { afterEach, describe, expect, it } from '@jest/globals'
import type { PollLimits, SourceContext } from '@connect-run/core'
import { pollUntil } from '@connect-run/testkit'
import { type TestContext, testContext } from '@connect-run/testkit/conformance'
import { KafkaError } from '../src/kafka-error.ts'
import type { KafkaSourceConfig } from '../src/source-config.ts'
import { KafkaSourceTask } from '../src/source-task.ts'
import { FakeConsumer, fetchedRows, rowsOf } from './fake-consumer.ts'

const config: KafkaSourceConfig = {
  brokers: 'b:1',
  topics: ['t'],
  instanceId: '',
  connectTimeout: 1000,
  startAt: 'earliest',
  onMissingOffset: 'earliest',
  isolation: 'read_committed',
  packed: true,
}
const limits: PollLimits = { maxRecords: 100, maxBytes: 1_000_000, maxWaitMs: 2000 }
const never = new AbortController().signal
const p = (partition: number): { stream: string; partition: number } => ({ stream: 't', partition })

describe('the kafka source', () => {
  let client: FakeConsumer
  let task: KafkaSourceTask
  let context: TestContext<KafkaSourceConfig>

  async function start(
    options: Partial<KafkaSourceConfig> = {},
    more: Partial<SourceContext<never>> = {},
  ): Promise<void> {
    client = new FakeConsumer()
    task = new KafkaSourceTask(() => Promise.resolve(client.library))
    context = testContext({ config: { ...config, ...options } })
    await task.start({ ...context, ...(more as object) })
  }

  async function assign(...partitions: number[]): Promise<void> {
    client.events.assigned(partitions.map(p))
    await until('assign')
  }

  function until(call: string): Promise<boolean> {
    return pollUntil(() => client.calls.some((made) => made.startsWith(call)), {
      what: `${call} in ${client.calls.join('; ')}`,
    })
  }

  afterEach(() => task.stop())

  it('begins where the sink stands, else where the group stands, else at the beginning', async () => {
    const held = [{ ...p(0), position: { offset: 70 } }]
    await start({}, { assigned: () => Promise.resolve(held) })
    for (const partition of [0, 1]) client.group.set(`t/${partition}`, 50)
    for (const partition of [0, 1, 2]) client.low.set(`t/${partition}`, 10)
    await assign(0, 1, 2)
    expect(client.calls).toContain('assign t/0@70,t/1@50,t/2@10')
  })

  it('gives up partitions only after the runtime has committed them', async () => {
    let granted = (): void => undefined
    const waiting = new Promise<void>((resolve) => (granted = resolve))
    await start({}, { revoking: () => waiting })
    await assign(0, 1)
    client.next.push(fetchedRows(...rowsOf(0, 0, 3)))
    expect(await task.poll(limits, never)).toHaveLength(3)

    client.events.revoked([p(0)])
    // Records keep coming for both: those of the partition that goes are not passed on.
    client.next.push(fetchedRows(), fetchedRows(...rowsOf(0, 3, 5), ...rowsOf(1, 0, 2)))
    await pollUntil(() => client.next.length < 2)
    const batch = await task.poll(limits, never)
    expect([...batch].every(({ partition }) => partition === 1)).toBe(true)

    await task.commit([{ ...p(0), position: { offset: 3 } }])
    expect(client.calls).toContain('commit t/0@3')
    expect(client.calls.some((call) => call.startsWith('unassign'))).toBe(false)
    granted()
    await until('unassign t/0')
  })

  it('commits nothing of partitions that it has given up', async () => {
    await start()
    await assign(0)
    client.events.revoked([p(0)])
    await until('unassign')
    await task.commit([{ ...p(0), position: { offset: 3 } }])
    expect(client.calls.filter((call) => call.startsWith('commit'))).toEqual([])
  })

  it('lends itself to a transaction for partitions that it has, until it gives them up', async () => {
    let granted = (): void => undefined
    const waiting = new Promise<void>((resolve) => (granted = resolve))
    await start({}, { revoking: () => waiting })
    await assign(0, 1)
    const lent = (...partitions: number[]): Promise<string> =>
      task.transactionMember().lend(partitions.map(p), async () => 'taken')
    expect(await lent(0, 1)).toBe('taken')
    await expect(lent(2)).rejects.toMatchObject({ code: 22, retriable: false })
    client.events.revoked([p(0)])
    expect(await lent(0, 1)).toBe('taken')
    granted()
    await until('unassign t/0')
    await expect(lent(0, 1)).rejects.toMatchObject({ code: 22, message: 't/0 was given up' })
    expect(await lent(1)).toBe('taken')
  })

  it('knows that partitions are lost when it was expelled from the group', async () => {
    await start()
    await assign(0)
    client.next.push(new KafkaError(-147, 'Application maximum poll interval exceeded'))
    await pollUntil(() => context.logger.entries.some(({ message }) => message.includes('expelled')))
    client.events.revoked([p(0)])
    await until('unassign')
    expect(context.ownership.map(({ call }) => call)).toEqual(['assigned', 'lost'])
  })

  it('knows it too where it is asked for the partitions before the fetch ends that tells of it', async () => {
    await start()
    await assign(0)
    client.fetch = () => {
      // @ts-expect-error: the method of the class again
      delete client.fetch
      client.events.revoked([p(0)])
      return Promise.reject(new KafkaError(-147, 'Application maximum poll interval exceeded'))
    }
    await until('unassign')
    expect(context.ownership.map(({ call }) => call)).toEqual(['assigned', 'lost'])
  })

  it('gives partitions up in good order that it got after it was expelled without any', async () => {
    await start()
    client.next.push(new KafkaError(-147, 'Application maximum poll interval exceeded'))
    await pollUntil(() => context.logger.entries.some(({ message }) => message.includes('expelled')))
    await assign(0)
    client.events.revoked([p(0)])
    await until('unassign')
    expect(context.ownership.map(({ call }) => call)).toEqual(['assigned', 'revoking'])
  })

  it('takes partitions from the client only while nothing is fetched', async () => {
    let granted = (): void => undefined
    const waiting = new Promise<void>((resolve) => (granted = resolve))
    await start({}, { revoking: () => waiting })
    await assign(0)
    client.events.revoked([p(0)])
    let answer: ((fetched: ReturnType<typeof fetchedRows>) => void) | undefined
    client.fetch = () => new Promise((resolve) => (answer = resolve))
    await pollUntil(() => answer !== undefined)
    granted()
    await new Promise((resolve) => setImmediate(resolve))
    expect(client.calls.some((call) => call.startsWith('unassign'))).toBe(false)
    // @ts-expect-error: the method of the class again
    delete client.fetch
    answer!(fetchedRows())
    await until('unassign t/0')
  })

  it('sends a commit only when the last was answered, so that none is repeated after a later one', async () => {
    await start()
    await assign(0)
    client.silent = true
    const first = task.commit([{ ...p(0), position: { offset: 1 } }])
    const second = task.commit([{ ...p(0), position: { offset: 2 } }])
    await until('commit t/0@1')
    expect(client.calls).not.toContain('commit t/0@2')
    client.silent = false
    await Promise.all([first, second])
    expect(client.calls).toContain('commit t/0@2')
  })

  it('serves commits while nobody polls', async () => {
    await start()
    await assign(0)
    const began = performance.now()
    await task.commit([{ ...p(0), position: { offset: 0 } }])
    expect(performance.now() - began).toBeLessThan(1000)
  })

  it('keeps records that nobody has polled yet, in order, and stops their flow after a while', async () => {
    await start()
    await assign(0)
    client.next.push(fetchedRows(...rowsOf(0, 0, 2)), fetchedRows(...rowsOf(0, 2, 3)))
    await until('pause t/0')
    const offsets: number[] = []
    while (offsets.length < 3)
      offsets.push(...[...(await task.poll({ ...limits, maxRecords: 1 }, never))].map(({ offset }) => offset))
    expect(offsets).toEqual([0, 1, 2])
    await task.poll({ ...limits, maxWaitMs: 20 }, never)
    expect(client.calls).toContain('resume t/0')
  })

  it('stops the flow of large records early', async () => {
    await start()
    await assign(0)
    let left = -1
    client.pause = () => void (left = client.next.length)
    const value = Buffer.alloc(3_000_000)
    for (let offset = 0; offset < 10; offset++) {
      client.next.push(fetchedRows({ stream: 't', partition: 0, offset, timestamp: -1, key: null, value }))
    }
    await pollUntil(() => left >= 0)
    expect(left).toBeGreaterThanOrEqual(7)
  })

  it('fetches one batch ahead while the sink works, as large as the largest poll, and no more', async () => {
    await start()
    await assign(0)
    client.next.push(fetchedRows(...rowsOf(0, 0, 3)), fetchedRows(...rowsOf(0, 3, 6)), fetchedRows(...rowsOf(0, 6, 9)))
    expect(await task.poll(limits, never)).toHaveLength(3)
    const asked = (): number[] => client.fetches.map(({ maxRecords }) => maxRecords).filter((count) => count > 1)
    await pollUntil(() => client.next.length === 1)
    expect(await task.poll({ ...limits, maxRecords: 2, maxBytes: 1000 }, never)).toHaveLength(2)
    expect(client.next).toHaveLength(1)
    expect(await task.poll({ ...limits, maxRecords: 2, maxBytes: 1000 }, never)).toHaveLength(1)
    await pollUntil(() => client.next.length === 0)
    expect(new Set(asked())).toEqual(new Set([100]))
    expect(client.fetches.findLast(({ maxRecords }) => maxRecords > 1)).toMatchObject({ maxBytes: 1000, lingerMs: 5 })
  })

  it('passes the records before an error, and then what the error means', async () => {
    await start()
    await assign(0)
    const denied = new KafkaError(29, 'Topic authorization failed')
    const passing = new KafkaError(-195, 'Broker transport failure')
    client.next.push({ ...fetchedRows(...rowsOf(0, 0, 2)), errors: [passing] })
    expect(await task.poll(limits, never)).toHaveLength(2)
    client.next.push({ ...fetchedRows(...rowsOf(0, 2, 3)), errors: [passing, denied] })
    await expect(task.poll(limits, never)).rejects.toMatchObject({ code: 'AUTH_FAILED', kind: 'fatal' })
  })

  it('returns nothing while the pipeline is full', async () => {
    await start()
    await assign(0)
    client.next.push(fetchedRows(...rowsOf(0, 0, 2)))
    expect(await task.poll({ ...limits, maxRecords: 0, maxWaitMs: 100 }, never)).toHaveLength(0)
    expect(await task.poll(limits, never)).toHaveLength(2)
  })

  it('returns soon when the signal aborts', async () => {
    await start()
    const began = performance.now()
    expect(await task.poll({ ...limits, maxWaitMs: 60_000 }, AbortSignal.timeout(20))).toHaveLength(0)
    expect(performance.now() - began).toBeLessThan(2000)
  })

  it('moves on where the brokers no longer have its position', async () => {
    await start()
    client.group.set('t/0', 5)
    await assign(0)
    client.low.set('t/0', 20)
    client.high.set('t/0', 30)
    client.next.push(new KafkaError(-140, 'No offset to automatically reset to'))
    await until('assign t/0@20')
    expect(client.calls.filter((call) => /assign/.test(call))).toEqual([
      'assign t/0@5',
      'unassign t/0',
      'assign t/0@20',
    ])
    expect(context.counts.get('offsets_lost_total')).toBe(15)
  })

  it('goes on in place where the brokers have its position again', async () => {
    await start()
    client.group.set('t/0', 5)
    client.high.set('t/0', 30)
    await assign(0)
    const gone = new KafkaError(-140, 'No offset to automatically reset to', false, p(0))
    client.next.push({ ...fetchedRows(...rowsOf(0, 5, 7)), errors: [gone] })
    await until('assign t/0@7')
    expect(client.calls.filter((call) => /assign/.test(call))).toEqual(['assign t/0@5', 'unassign t/0', 'assign t/0@7'])
    expect(await task.poll(limits, never)).toHaveLength(2)
  })

  it('reads a partition from its beginning that came into being later, whatever startAt says', async () => {
    await start({ startAt: 'latest' })
    client.high.set('t/0', 100)
    client.high.set('t/4', 100)
    await assign(0, 4)
    expect(client.calls).toContain('assign t/0@100,t/4@0')
  })

  it('answers the group even when it can not read, so that the stop does not hang', async () => {
    await start({ onMissingOffset: 'fail' })
    client.group.set('t/0', 5)
    client.low.set('t/0', 20)
    await assign(0)
    expect(client.calls).toContain('assign t/0@-1')
    await expect(task.poll(limits, never)).rejects.toMatchObject({ code: 'OFFSET_MISSING' })
  })

  it('fails with what the brokers will not change by themselves, and passes over what passes', async () => {
    await start()
    await assign(0)
    client.next.push(new KafkaError(-195, 'Broker transport failure'), fetchedRows(...rowsOf(0, 0, 1)))
    expect(await task.poll(limits, never)).toHaveLength(1)
    client.next.push(new KafkaError(29, 'Topic authorization failed'))
    await expect(task.poll(limits, never)).rejects.toMatchObject({ code: 'AUTH_FAILED', kind: 'fatal' })
  })

  it.each([
    ['one', {}, ['one keeps its place in the group for 45 s; start again within it to resume at once']],
    [
      'two',
      { 'session.timeout.ms': 6000 },
      ['two keeps its place in the group for 6 s; start again within it to resume at once'],
    ],
    ['', {}, []],
  ])('says at the stop what stays of the member `%s`', async (instanceId, properties, lines) => {
    await start({ instanceId, properties })
    await task.stop()
    expect(context.logger.entries.map(({ message }) => message).filter((line) => line.includes('its place'))).toEqual(
      lines,
    )
  })

  it.each([
    ['low', 0],
    ['balanced', 5],
    ['throughput', 25],
  ] as const)('gathers records of a fetch as `latency: %s` says', async (latency, lingerMs) => {
    await start({}, { latency })
    await assign(0)
    await task.poll({ ...limits, maxWaitMs: 20 }, never)
    await pollUntil(() => client.fetches.some((fetch) => fetch.maxRecords === 100))
    expect(client.fetches.find((fetch) => fetch.maxRecords === 100)).toMatchObject({ lingerMs })
  })

  it('says what the build lacks before it connects', async () => {
    const auth = { mechanism: 'gssapi' } as const
    await expect(start({ auth })).rejects.toMatchObject({
      code: 'FEATURE_MISSING',
      hint: expect.stringContaining('apt-get install libsasl2-dev'),
    })
  })
})
