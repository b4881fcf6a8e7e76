import { beforeEach, describe, expect, it } from '@jest/globals'
import { type Clock, type ProbeContext, RecordBatch, isConnectError } from '@connect-run/core'
import { systemClock, validateOptions } from '@connect-run/core/runtime'
import { testContext } from '@connect-run/testkit/conformance'
import type { Fetched } from '../src/client/consumer-client.ts'
import type { ProducerClient } from '../src/client/producer-client.ts'
import type { Properties } from '../src/connection-config.ts'
import { KafkaError } from '../src/kafka-error.ts'
import { probeSink, probeSource } from '../src/probe.ts'
import { sinkSchema } from '../src/sink-config.ts'
import { sourceSchema } from '../src/source-config.ts'
import { FakeConsumer, fetchedRows, rowsOf } from './fake-consumer.ts'

/** A consumer whose group answers so, call by call, and then well. */
class ProbedConsumer extends FakeConsumer {
  refusals: KafkaError[] = []

  override async committed(): Promise<(number | undefined)[]> {
    this.calls.push('committed')
    const refusal = this.refusals.shift()
    if (refusal !== undefined) throw refusal
    return []
  }
}

describe('a probe of a source', () => {
  let consumer: ProbedConsumer
  let opened: Properties
  let clock: Clock
  let now = 0
  beforeEach(() => {
    clock = systemClock
    consumer = new ProbedConsumer()
  })

  async function probe(options: object = { topics: ['t'] }): Promise<string> {
    const { config } = validateOptions(sourceSchema, { brokers: 'b:1', ...options })
    const context: ProbeContext = { ...testContext({ config, clock }), streams: undefined }
    try {
      return (await probeSource(config!, context, load)).join('; ')
    } catch (error) {
      if (!isConnectError(error)) throw error
      return `${error.code}: ${error.message}`
    }
  }

  async function load(): Promise<FakeConsumer['library']> {
    const { library } = consumer
    return {
      ...library,
      open: (settings, ...more) => {
        opened = settings.global
        return library.open(settings, ...more)
      },
    }
  }

  const end: Fetched = { batch: RecordBatch.empty, ends: [{ stream: 't', partition: 0, offset: 7 }], errors: [] }
  const refused = (code: number): Fetched => ({ ...end, ends: [], errors: [new KafkaError(code, 'no')] })

  it('asks, reads nothing, and closes', async () => {
    consumer.next = [end]
    expect(await probe()).toBe('topic t (4 partitions)')
    expect(consumer.calls).toEqual(['committed', 'assign t/0@-1', 'disconnect'])
    // A member of this name may be running.
    expect(opened).toMatchObject({ 'group.id': 'connect-worker-pipeline', 'allow.auto.create.topics': false })
    expect(opened).not.toHaveProperty('group.instance.id')
  })

  it('asks again where the group is just finding its broker', async () => {
    consumer.refusals = [new KafkaError(16, 'not coordinator'), new KafkaError(14, 'loading')]
    consumer.next = [end]
    expect(await probe()).toBe('topic t (4 partitions)')
    expect(consumer.calls.filter((call) => call === 'committed')).toHaveLength(3)
  })

  it('finds a group that is not its own, which only the queue of records tells', async () => {
    consumer.refusals = [new KafkaError(-185, 'timed out')]
    consumer.next = [refused(30)]
    expect(await probe()).toBe("AUTH_FAILED: can't ask for the positions of the group connect-worker-pipeline: no")
    expect(consumer.calls.at(-1)).toBe('disconnect')
  })

  it('finds a topic that may not be read', async () => {
    consumer.next = [refused(29)]
    expect(await probe()).toBe("AUTH_FAILED: can't read t: no")
  })

  it('takes what is written meanwhile for a proof', async () => {
    consumer.next = [fetchedRows(...rowsOf(0, 7, 8))]
    expect(await probe()).toBe('topic t (4 partitions)')
  })

  it('finds a partition that gives nothing', async () => {
    clock = { ...systemClock, monotonic: () => (now += 1000) }
    expect(await probe()).toBe('TIMEOUT: the brokers gave nothing of t')
  })

  it('names the topics that are missing, and waits for those of a pattern', async () => {
    expect(await probe({ topics: ['t', 'u', 'v'] })).toBe('TOPIC_MISSING: there is none of the topics u, v at b:1')
    expect(await probe({ topicPattern: 'x.*' })).toBe('no topic matches x.* yet')
    expect(consumer.calls).not.toContain('committed')
  })
})

it('a probe of a sink has the brokers make no id for a producer, and closes', async () => {
  const { config } = validateOptions(sinkSchema, { brokers: 'b:1', topic: 't' })
  const calls: string[] = []
  let opened: Properties = {}
  const client = {
    connect: async () => undefined,
    topics: async () => new Map([['t', 1]]),
    disconnect: async () => void calls.push('disconnect'),
  } as unknown as ProducerClient
  const open = ({ global }: { readonly global: Properties }): ProducerClient => {
    opened = global
    return client
  }
  const context: ProbeContext = { ...testContext({ config }), streams: undefined }
  const learned = await probeSink(config!, context, async () => ({ features: ['lz4'], packed: false, open }))
  expect(learned).toEqual(['topic t (1 partition)', 'not checked: whether it may be written'])
  expect(opened['enable.idempotence']).toBe(false)
  expect(opened).not.toHaveProperty('transactional.id')
  expect(calls).toEqual(['disconnect'])
})
