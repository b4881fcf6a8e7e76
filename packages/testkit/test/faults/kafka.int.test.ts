import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import Kafka, { type Assignment, type LibrdKafkaError } from '@connect-run/connector-kafka/client'
import {
  type FaultSwitch,
  brokerFaults,
  during,
  growTopic,
  leaderKill,
  rebalanceStorm,
  recreateTopic,
  resetOffsets,
  rollingRestart,
} from '../../src/faults/index.ts'
import { pollUntil } from '../../src/index.ts'
import { type KafkaCluster, service, startKafka } from '../../src/services/index.ts'

const kafka = await service('kafka', { own: true })

kafka.describe('three brokers', () => {
  let cluster: KafkaCluster
  let topics = 0
  let topic: string

  beforeAll(async () => {
    cluster = await startKafka({ brokers: 3 })
  })
  afterAll(() => cluster?.stop())

  async function newTopic(partitions = 1): Promise<void> {
    topic = `faults-${++topics}`
    await cluster.createTopic(topic, { partitions, replicationFactor: 3, config: { 'min.insync.replicas': '2' } })
  }

  const values = async (): Promise<(string | undefined)[]> =>
    (await cluster.consumeAll(topic)).map(({ value }) => value?.toString())

  const running = (): (number | undefined)[] => cluster.brokers.map(({ pid }) => pid)

  function fault(name: string): FaultSwitch {
    return brokerFaults(cluster).find((each) => each.name === name)!
  }

  it.each(['broker-kill', 'broker-stop'])(
    '%s takes one away and brings it back; topics stay writable',
    async (name) => {
      await newTopic()
      await during(fault(name), async () => {
        expect(running().filter((pid) => pid === undefined)).toHaveLength(1)
        await cluster.produce(topic, [{ partition: 0, value: name }])
      })
      expect(running()).not.toContain(undefined)
      expect(await values()).toEqual([name])
    },
  )

  it('broker-hang lets one be silent for a while', async () => {
    await newTopic()
    const hang = fault('broker-hang')
    const before = running()
    await during(hang, () => cluster.produce(topic, [{ partition: 0, value: 'during' }]))
    expect(running()).toEqual(before)
    expect(await values()).toEqual(['during'])
  })

  it('takes another broker each time', async () => {
    const hang = fault('broker-hang')
    const states: string[] = []
    for (let turn = 0; turn < 3; turn++)
      await during(hang, async () => void states.push(await pollUntil(stopped, { what: 'one stands still' })))
    expect(new Set(states).size).toBe(3)
  })

  /** The pids of the brokers that are suspended, by the kernel. */
  async function stopped(): Promise<string | false> {
    const lines = await Promise.all(running().map((pid) => readFile(`/proc/${pid}/stat`, 'utf8')))
    const found = lines.flatMap((line) => (/\) T /.test(line) ? [line.split(' ')[0]!] : []))
    return found.length > 0 && found.join()
  }

  it('leader-kill makes another broker the leader, and keeps what was acknowledged', async () => {
    await newTopic()
    await cluster.produce(topic, [{ partition: 0, value: 'before' }])
    const leader = (await cluster.leaders(topic))[0]!
    await during(leaderKill(cluster, topic), async () => {
      expect(cluster.brokers[leader - 1]!.pid).toBeUndefined()
      expect((await cluster.leaders(topic))[0]).not.toBe(leader)
      await cluster.produce(topic, [{ partition: 0, value: 'during' }])
    })
    expect(running()).not.toContain(undefined)
    expect(await values()).toEqual(['before', 'during'])
  })

  it('a rolling restart gives every broker a new process and loses nothing', async () => {
    await newTopic()
    await cluster.produce(topic, [{ partition: 0, value: 'before' }])
    const before = running()
    await rollingRestart(cluster)
    for (const [index, pid] of running().entries()) expect(pid).not.toBe(before[index])
    expect(await values()).toEqual(['before'])
  })

  it('a topic grows', async () => {
    await newTopic()
    await growTopic(cluster, topic, 3)
    const grown = async (): Promise<boolean> => Object.keys(await cluster.endOffsets(topic)).join() === '0,1,2'
    await pollUntil(grown, { what: 'three partitions' })
  })

  it('a topic is deleted and made anew: it is empty and counts from 0', async () => {
    await newTopic(2)
    await cluster.produce(topic, [{ partition: 0, value: 'before' }])
    await recreateTopic(cluster, topic)
    const isNew = async (): Promise<boolean> => Object.values(await cluster.endOffsets(topic)).join() === '0,0'
    await pollUntil(isNew, { what: 'two empty partitions' })
  })

  it('offsets of a group are set from outside', async () => {
    await newTopic()
    await resetOffsets(cluster, 'a-group', topic, { 0: 7 })
    expect(await cluster.committedOffsets('a-group', topic)).toEqual({ 0: 7 })
  })

  it('a rebalance storm takes partitions from a member, and lets it rebalance again and again', async () => {
    await newTopic(2)
    const rebalances: string[] = []
    const member = new Kafka.KafkaConsumer(
      {
        'bootstrap.servers': cluster.bootstrap,
        'group.id': 'stormy',
        'heartbeat.interval.ms': 300,
        // The broker that it asks first may not know the topic yet; by default it asks again after five minutes.
        'topic.metadata.refresh.interval.ms': 1000,
        'partition.assignment.strategy': 'cooperative-sticky',
        rebalance_cb: ({ code }: LibrdKafkaError, partitions: Assignment[]) => {
          const isAssign = code === Kafka.CODES.ERRORS.ERR__ASSIGN_PARTITIONS
          rebalances.push(`${isAssign ? 'got' : 'gave'} ${partitions.length}`)
          if (isAssign) member.incrementalAssign(partitions)
          else member.incrementalUnassign(partitions)
        },
      },
      {},
    )
    await new Promise((resolve) => member.connect({ allTopics: false }, resolve))
    try {
      member.subscribe([topic])
      member.setDefaultConsumeTimeout(50)
      const serve = (): Promise<unknown> => new Promise((resolve) => member.consume(1, resolve))
      const served = (holds: () => boolean): Promise<unknown> =>
        pollUntil(() => serve().then(holds), { timeoutMs: 60_000 })
      await served(() => rebalances.includes('got 2'))
      await during(rebalanceStorm(cluster.bootstrap, 'stormy', topic), () =>
        served(() => rebalances.includes('gave 1') && rebalances.length >= 8),
      )
    } finally {
      await new Promise((resolve) => member.disconnect(resolve))
    }
  })
})
