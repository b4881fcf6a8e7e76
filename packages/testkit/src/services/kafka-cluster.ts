import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pollUntil } from '../poll-until.ts'
import { issueCertificates } from './certificates.ts'
import type { ClusterLayout } from './kafka-broker.ts'
import { brokerLayout, prepareBroker } from './kafka-broker.ts'
import type { KafkaSecurity } from './kafka-security.ts'
import { kafkaSecurity } from './kafka-security.ts'
import type { KafkaVersion } from './kafka-software.ts'
import { kafkaSoftware } from './kafka-software.ts'
import type { KafkaTopics } from './kafka-topics.ts'
import { brokerCount, kafkaAt } from './kafka-topics.ts'
import { runCommand } from './run-command.ts'
import type { ServiceProcess } from './service-process.ts'
import { noteUse } from './usage-log.ts'

export interface KafkaOptions {
  /** Default 3.9. */
  readonly version?: KafkaVersion
  /** Default 1. With three, topics can have three replicas and any one broker may go. */
  readonly brokers?: number
  /** The first broker's port. Default a free one. */
  readonly port?: number
  /** Where the data lies; kept by stop(). Default a temporary folder, removed by stop(). */
  readonly dir?: string
  /** Added to every broker's server.properties, over the defaults here. */
  readonly properties?: Readonly<Record<string, string>>
  /** Adds listeners with TLS and SASL, see `security` of the cluster. Default false. */
  readonly secured?: boolean
}

/** A broker that keeps its data and port over stop, kill and start. */
export type KafkaBroker = Pick<ServiceProcess, 'start' | 'stop' | 'kill' | 'pause' | 'resume' | 'pid'> & {
  readonly port: number
}

/** Kafka brokers (KRaft) of this process's own, on loopback. They never outlive it. */
export interface KafkaCluster extends KafkaTopics {
  /** `3.9.1` */
  readonly release: string
  readonly brokers: readonly KafkaBroker[]
  /** Where `secured` was asked for. `bootstrap` stays a listener without TLS and SASL. */
  readonly security?: KafkaSecurity
  /** Deletes the records below the given offsets, as retention does. */
  deleteRecords(topic: string, before: Readonly<Record<number, number>>): Promise<void>
  /** Runs one of Kafka's own command-line tools (about 2 s) and returns what it printed. */
  tool(mainClass: string, args: readonly string[]): Promise<string>
  /** Kills the brokers and removes the temporary folder. */
  stop(): Promise<void>
}

/**
 * Starts Kafka and resolves when every broker is ready. Topics are not created by themselves.
 * Throws ServiceUnavailableError where there is no Kafka to be had.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const layout = await clusterLayout(options)
  noteUse({ service: `Kafka ${layout.software.release}`, origin: layout.software.origin })
  const brokers = await Promise.all(layout.brokers.map((broker) => prepareBroker(layout, broker)))
  const stop = async (): Promise<void> => {
    await Promise.all(brokers.map((broker) => broker.kill()))
    if (layout.scratch) await rm(layout.scratch, { recursive: true, force: true })
  }
  try {
    await Promise.all(brokers.map((broker) => broker.start()))
    await Promise.all(layout.brokers.map(({ port }) => knowsAll(port, brokers.length)))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...clusterTools(layout),
    brokers: brokers.map((broker, index) => Object.assign(broker, { port: layout.brokers[index]!.port })),
    ...securityOf(layout),
    stop,
  }
}

async function clusterLayout(options: KafkaOptions): Promise<ClusterLayout> {
  const { version = '3.9', brokers: count = 1, properties = {}, secured = false } = options
  const software = await kafkaSoftware(version)
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'connect-run-kafka-')))
  const ids = Array.from({ length: count }, (_, index) => index + 1)
  const brokers = await Promise.all(ids.map((id) => brokerLayout(id, id === 1 ? options.port : undefined, secured)))
  return {
    software,
    clusterId: randomBytes(16).toString('base64url').replace(/^-/, 'A'),
    dir,
    brokers,
    properties,
    ...(options.dir ? {} : { scratch: dir }),
    ...(secured ? { certificates: await issueCertificates(join(dir, 'certificates')) } : {}),
  }
}

/** A broker that has just started may not have heard of the others, and a client that asks it loses their handles. */
function knowsAll(port: number, brokers: number): Promise<boolean> {
  const bootstrap = `127.0.0.1:${port}`
  return pollUntil(async () => (await brokerCount(bootstrap)) === brokers, { what: `${bootstrap} knows all brokers` })
}

function clusterTools({ software, dir, brokers }: ClusterLayout): Omit<KafkaCluster, 'brokers' | 'stop'> {
  const bootstrap = brokers.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const tool = (mainClass: string, args: readonly string[]): Promise<string> =>
    runCommand(software.java(['-Xmx128m', '-XX:TieredStopAtLevel=1', mainClass, ...args], dir))
  return {
    ...kafkaAt(bootstrap),
    release: software.release,
    tool,
    deleteRecords: async (topic, before) => {
      const partitions = Object.entries(before).map(([id, offset]) => ({ topic, partition: Number(id), offset }))
      const file = join(dir, `delete-${randomBytes(4).toString('hex')}.json`)
      await writeFile(file, JSON.stringify({ version: 1, partitions }))
      const command = 'org.apache.kafka.tools.DeleteRecordsCommand'
      await tool(command, ['--bootstrap-server', bootstrap, '--offset-json-file', file])
    },
  }
}

function securityOf({ certificates, brokers }: ClusterLayout): { readonly security?: KafkaSecurity } {
  if (!certificates) return {}
  const ports = brokers.flatMap((broker) => broker.secured ?? [])
  return { security: kafkaSecurity(certificates, ports) }
}
