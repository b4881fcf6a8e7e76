import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import type { KafkaVersion } from './kafka-software.ts'
import { kafkaSoftware } from './kafka-software.ts'
import { ServiceProcess } from './service-process.ts'
import { noteUse } from './usage-log.ts'

type Properties = Readonly<Record<string, string | number | boolean>>

export interface ConnectorSpec {
  readonly name: string
  /** Without `name`: `{ 'connector.class': 'FileStreamSink', topics: 't', file: '/…' }`. */
  readonly config: Properties
}

export interface KafkaConnectOptions {
  readonly bootstrap: string
  /**
   * For the worker's files, its stored offsets among them, which a later worker in the same folder finds. stop() keeps
   * it. The connectors' files must lie in it too: where the worker runs in a container, it sees no other folder.
   */
  readonly folder: string
  /** Run from the start. Default none. */
  readonly connectors?: readonly ConnectorSpec[]
  /** Added to worker.properties, over the defaults here: strings as keys and values, offsets stored every second. */
  readonly worker?: Properties
  /** Default 3.9. */
  readonly version?: KafkaVersion
}

export interface ConnectorStatus {
  readonly name: string
  /** `RUNNING`, `FAILED`, … */
  readonly state: string
  readonly tasks: readonly { readonly id: number; readonly state: string; readonly trace?: string }[]
}

/** A standalone worker of Kafka Connect. It never outlives this process. */
export type KafkaConnect = Pick<ServiceProcess, 'start' | 'stop' | 'kill' | 'pid'> & {
  /** `3.9.1` */
  readonly release: string
  /** Of its REST interface. The same after stop() or kill() and start(). */
  readonly url: string
  /** Every connector that there is now. Throws while the worker does not answer. */
  status(): Promise<ConnectorStatus[]>
}

/**
 * Starts Kafka's own Connect worker, with its file connectors, and resolves when every task of every connector runs.
 * Throws ServiceUnavailableError where there is no Kafka to be had.
 */
export async function startKafkaConnect(options: KafkaConnectOptions): Promise<KafkaConnect> {
  const { folder, connectors = [], version = '3.9' } = options
  const software = await kafkaSoftware(version)
  noteUse({ service: `Kafka Connect ${software.release}`, origin: software.origin })
  await mkdir(folder, { recursive: true })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const files = await writeFiles(options, url)
  const name = `connect-run-kafka-connect-${process.pid}-${port}`
  const worker = new ServiceProcess({
    name: `Kafka Connect ${software.release}`,
    command: software.java([...javaOptions(folder), WORKER_CLASS, ...files], folder, name),
    logFile: join(folder, 'connect.log'),
    ready: async () => allRun(await statusAt(url), connectors.length),
    ...(software.engine ? { container: { engine: software.engine, name } } : {}),
  })
  await worker.start()
  return Object.assign(worker, { release: software.release, url, status: () => statusAt(url) })
}

const WORKER_CLASS = 'org.apache.kafka.connect.cli.ConnectStandalone'
const LOG4J_FILE = 'connect-log4j.properties'

/** What Kafka's own connect-standalone.sh runs it with where nothing is set, so that it is as fast and as large as there. */
function javaOptions(folder: string): string[] {
  const memory = ['-Xms256M', '-Xmx2G', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20']
  const collection = ['-XX:InitiatingHeapOccupancyPercent=35', '-XX:+ExplicitGCInvokesConcurrent']
  return ['-server', ...memory, ...collection, `-Dlog4j.configuration=file:${join(folder, LOG4J_FILE)}`]
}

const LOG4J = `log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n
`

/** The arguments of the worker: its own properties and one file for each connector. */
async function writeFiles(options: KafkaConnectOptions, url: string): Promise<string[]> {
  const { bootstrap, folder, connectors = [], worker = {} } = options
  const properties = {
    'bootstrap.servers': bootstrap,
    'key.converter': STRINGS,
    'value.converter': STRINGS,
    'offset.storage.file.filename': join(folder, 'connect.offsets'),
    'offset.flush.interval.ms': 1000,
    'plugin.discovery': 'service_load',
    listeners: url,
    ...worker,
  }
  await writeFile(join(folder, LOG4J_FILE), LOG4J)
  const own = await writeProperties(join(folder, 'worker.properties'), properties)
  const theirs = connectors.map(({ name, config }) =>
    writeProperties(join(folder, `connector-${name}.properties`), { name, ...config }),
  )
  return [own, ...(await Promise.all(theirs))]
}

const STRINGS = 'org.apache.kafka.connect.storage.StringConverter'

async function writeProperties(file: string, properties: Properties): Promise<string> {
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`)
  await writeFile(file, lines.join(''))
  return file
}

function allRun(connectors: readonly ConnectorStatus[], expected: number): boolean {
  const runs = ({ state, tasks }: ConnectorStatus): boolean =>
    state === 'RUNNING' && tasks.length > 0 && tasks.every((task) => task.state === 'RUNNING')
  return connectors.length >= expected && connectors.every(runs)
}

interface StatusAnswer {
  readonly status: { readonly connector: { readonly state: string }; readonly tasks: ConnectorStatus['tasks'] }
}

async function statusAt(url: string): Promise<ConnectorStatus[]> {
  const answer = await fetch(`${url}/connectors?expand=status`)
  if (!answer.ok) throw new Error(`Kafka Connect answered ${answer.status}: ${(await answer.text()).trim()}`)
  const connectors = Object.entries((await answer.json()) as Record<string, StatusAnswer>)
  return connectors.map(([name, { status }]) => ({ name, state: status.connector.state, tasks: status.tasks }))
}
