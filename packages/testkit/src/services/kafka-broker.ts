import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Certificates } from './certificates.ts'
import { freePort } from './free-port.ts'
import type { SecurePorts } from './kafka-security.ts'
import { SCRAM_USERS, SECURE_PROTOCOLS, secureListeners, securePorts, secureProperties } from './kafka-security.ts'
import type { KafkaSoftware } from './kafka-software.ts'
import { runCommand } from './run-command.ts'
import { ServiceProcess } from './service-process.ts'

export interface BrokerLayout {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
  readonly secured?: SecurePorts
}

/** What the brokers of one cluster have in common. */
export interface ClusterLayout {
  readonly software: KafkaSoftware
  readonly clusterId: string
  readonly dir: string
  /** To be removed should this process die: `dir` if it is temporary. */
  readonly scratch?: string
  readonly brokers: readonly BrokerLayout[]
  readonly certificates?: Certificates
  /** Over the defaults of server.properties. */
  readonly properties: Readonly<Record<string, string>>
}

export async function brokerLayout(id: number, port: number | undefined, secured: boolean): Promise<BrokerLayout> {
  const ports = { id, port: port ?? (await freePort()), controllerPort: await freePort() }
  return secured ? { ...ports, secured: await securePorts() } : ports
}

/** Writes the broker's files and formats its storage, unless there is a formatted one; does not start it. */
export async function prepareBroker(cluster: ClusterLayout, broker: BrokerLayout): Promise<ServiceProcess> {
  const folder = join(cluster.dir, `broker-${broker.id}`)
  const config = join(folder, 'server.properties')
  const properties = { ...serverProperties(cluster, broker, folder), ...cluster.properties }
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`)
  await mkdir(folder, { recursive: true })
  await writeFile(config, lines.join(''))
  await writeFile(join(folder, 'log4j.properties'), LOG4J)
  await writeFile(join(folder, 'log4j2.properties'), LOG4J2)
  if (!existsSync(join(folder, 'data', 'meta.properties'))) await format(cluster, config)
  return brokerProcess(cluster, broker, folder)
}

async function format({ software, clusterId, certificates, dir }: ClusterLayout, config: string): Promise<void> {
  const users = certificates ? SCRAM_USERS : []
  const args = ['format', '-t', clusterId, '-c', config, ...users]
  await runCommand(software.java(['-Xmx128m', '-XX:TieredStopAtLevel=1', 'kafka.tools.StorageTool', ...args], dir))
}

function brokerProcess(cluster: ClusterLayout, broker: BrokerLayout, folder: string): ServiceProcess {
  const { software, scratch } = cluster
  const name = `connect-run-kafka-${process.pid}-${broker.port}`
  const logging = [
    `-Dlog4j.configuration=file:${join(folder, 'log4j.properties')}`, // the Maven jars, and images of 3.x
    `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`, // images of 4.x
  ]
  const args = ['-Xms128m', '-Xmx512m', ...logging, 'kafka.Kafka', join(folder, 'server.properties')]
  return new ServiceProcess({
    name: `Kafka ${software.release} broker ${broker.id}`,
    command: software.java(args, cluster.dir, name),
    logFile: join(folder, 'server.log'),
    ready: (log) => log.includes('Kafka Server started'),
    ...(scratch ? { scratch } : {}),
    ...(software.engine ? { container: { engine: software.engine, name } } : {}),
  })
}

type Properties = Record<string, string | number | boolean>

function serverProperties(cluster: ClusterLayout, broker: BrokerLayout, folder: string): Properties {
  const { id, port, controllerPort, secured } = broker
  const replicas = Math.min(3, cluster.brokers.length)
  const listeners = [`PLAINTEXT://127.0.0.1:${port}`, ...(secured ? [secureListeners(secured)] : [])].join(',')
  return {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': cluster.brokers.map((each) => `${each.id}@127.0.0.1:${each.controllerPort}`).join(','),
    listeners: `${listeners},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': listeners,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': `CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,${SECURE_PROTOCOLS}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': false,
    // Records of tests carry times of long ago, which the default retention would remove.
    'log.retention.ms': -1,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.min.isr': replicas > 1 ? 2 : 1,
    'group.initial.rebalance.delay.ms': 0,
    // A killed broker may not come back before its session has ended; the defaults make that nine seconds.
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
    ...(cluster.certificates ? secureProperties(cluster.certificates) : {}),
  }
}

const LOG4J = `log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n
`

const LOG4J2 = `rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c)%n
`
