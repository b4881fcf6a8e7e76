import Kafka, { type Assignment, type KafkaConsumer, type LibrdKafkaError } from '@connect-run/connector-kafka/client'
import { pollUntil } from '../poll-until.ts'
import type { KafkaBroker, KafkaCluster, Offsets } from '../services/index.ts'
import { leaderBy } from '../services/kafka-metadata.ts'
import type { FaultSwitch } from './fault-switch.ts'

/** What can happen to brokers without losing what they acknowledged; with three brokers, topics stay writable. */
export function brokerFaults(cluster: KafkaCluster): readonly FaultSwitch[] {
  let next = 0
  const some = (): KafkaBroker => cluster.brokers[next++ % cluster.brokers.length]!
  return [brokerKill(some), brokerStop(some), brokerHang(some)]
}

function brokerKill(choose: () => KafkaBroker): FaultSwitch {
  return onBroker('broker-kill', 'kills a broker with kill -9; it comes back with an unclean log', {
    choose,
    on: (broker) => broker.kill(),
    off: (broker) => broker.start(),
  })
}

function brokerStop(choose: () => KafkaBroker): FaultSwitch {
  return onBroker('broker-stop', 'stops a broker in order, which hands its partitions over first', {
    choose,
    on: (broker) => broker.stop(),
    off: (broker) => broker.start(),
  })
}

function brokerHang(choose: () => KafkaBroker): FaultSwitch {
  return onBroker('broker-hang', 'suspends a broker: connections stay open and nothing is answered', {
    choose,
    on: (broker) => broker.pause(),
    off: (broker) => broker.resume(),
  })
}

/** Kills the broker that leads a partition, so that another one must take over: on when every broker knows it. */
export function leaderKill(cluster: KafkaCluster, topic: string, partition = 0): FaultSwitch {
  let dead: KafkaBroker | undefined
  return {
    name: 'leader-kill',
    does: 'kills the leader of a partition with kill -9, so that another broker leads it',
    on: async () => {
      const leader = (await cluster.leaders(topic))[partition]!
      dead = cluster.brokers[leader - 1]
      await dead?.kill()
      const others = cluster.brokers.filter(({ pid }) => pid !== undefined)
      const isLed = async ({ port }: KafkaBroker): Promise<boolean> =>
        ![-1, leader].includes(await leaderBy(port, topic, partition))
      const areAgreed = async (): Promise<boolean> => (await Promise.all(others.map(isLed))).every(Boolean)
      await pollUntil(areAgreed, { what: 'a leader' })
    },
    off: async () => {
      await dead?.start()
      dead = undefined
    },
  }
}

/** Stops and starts every broker in order, one after the other, as an upgrade does. */
export async function rollingRestart(cluster: KafkaCluster): Promise<void> {
  for (const broker of cluster.brokers) {
    await broker.stop()
    await broker.start()
  }
}

/** Adds partitions to a topic while it is used, so that keys move. */
export function growTopic(
  cluster: Pick<KafkaCluster, 'createPartitions'>,
  topic: string,
  total: number,
): Promise<void> {
  return cluster.createPartitions(topic, total)
}

/** Deletes a topic under its users and makes it anew: its offsets begin with 0 again. */
export async function recreateTopic(cluster: KafkaCluster, topic: string): Promise<void> {
  const partitions = Object.keys(await cluster.leaders(topic)).length
  await cluster.deleteTopic(topic)
  const replicationFactor = Math.min(3, cluster.brokers.length)
  // The name is free a moment after the last broker has forgotten it.
  await pollUntil(() => cluster.createTopic(topic, { partitions, replicationFactor }).then(() => true), { what: topic })
}

/** Sets the positions of a group that has no living member, as `kafka-consumer-groups --reset-offsets` does. */
export function resetOffsets(cluster: KafkaCluster, group: string, topic: string, offsets: Offsets): Promise<void> {
  return cluster.commitOffsets(group, topic, offsets)
}

/** A member that joins a group and leaves it again, over and over, so that the others rebalance all the time. */
export function rebalanceStorm(bootstrap: string, group: string, topic: string): FaultSwitch {
  let storm: { readonly over: AbortController; readonly ended: Promise<void> } | undefined
  return {
    name: 'rebalance-storm',
    does: 'a member joins the group and leaves it as soon as it has partitions, over and over',
    on: async () => {
      const over = new AbortController()
      storm = { over, ended: comeAndGo({ bootstrap, group, topic }, over.signal) }
    },
    off: async () => {
      storm?.over.abort()
      await storm?.ended
      storm = undefined
    },
  }
}

/** For a member that is given none. */
const STAY_MS = 10_000

interface Membership {
  readonly bootstrap: string
  readonly group: string
  readonly topic: string
}

async function comeAndGo({ bootstrap, group, topic }: Membership, signal: AbortSignal): Promise<void> {
  const properties = {
    'bootstrap.servers': bootstrap,
    'group.id': group,
    'partition.assignment.strategy': 'cooperative-sticky',
    'enable.auto.commit': false,
    // Without it the client does not leave the group when it disconnects.
    rebalance_cb: ({ code }: LibrdKafkaError, partitions: Assignment[]): void => {
      if (code === Kafka.CODES.ERRORS.ERR__ASSIGN_PARTITIONS) member.incrementalAssign(partitions)
      else member.incrementalUnassign(partitions)
    },
  }
  let member: KafkaConsumer
  while (!signal.aborted) {
    member = new Kafka.KafkaConsumer(properties, {})
    member.on('event.error', () => {})
    await new Promise((resolve) => member.connect({ allTopics: false, timeout: 5000 }, resolve))
    if (member.isConnected()) await stay(member, topic, signal)
    await new Promise((resolve) => member.disconnect(resolve))
  }
}

async function stay(member: KafkaConsumer, topic: string, signal: AbortSignal): Promise<void> {
  const until = performance.now() + STAY_MS
  member.setDefaultConsumeTimeout(50)
  member.subscribe([topic])
  // It takes part in the group only while it asks for records.
  while (!signal.aborted && performance.now() < until && member.assignments().length === 0) {
    await new Promise((resolve) => member.consume(1, resolve))
  }
}

interface OnBroker {
  readonly choose: () => KafkaBroker
  readonly on: (broker: KafkaBroker) => Promise<void>
  readonly off: (broker: KafkaBroker) => Promise<void>
}

function onBroker(name: string, does: string, { choose, on, off }: OnBroker): FaultSwitch {
  let chosen: KafkaBroker | undefined
  return {
    name,
    does,
    on: async () => {
      chosen = choose()
      await on(chosen)
    },
    off: async () => {
      const broker = chosen
      chosen = undefined
      if (broker !== undefined) await off(broker)
    },
  }
}
