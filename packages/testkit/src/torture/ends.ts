import { join } from 'node:path'
import { mkdir } from 'node:fs/promises'
import type { FaultSwitch } from '../faults/fault-switch.ts'
import { httpProxy, serverFaults } from '../faults/http-proxy.ts'
import { kafkaAt } from '../services/kafka-topics.ts'
import { type Destination, cnosdbDestination, fileDestination, kafkaDestination } from './destination.ts'
import { type Feed, fileFeed, kafkaFeed } from './feed.ts'
import type { TorturedPipeline } from './tortured-config.ts'

export interface KafkaEnd {
  readonly kind: 'kafka'
  readonly bootstrap: string
}

export interface FileEnd {
  readonly kind: 'file'
}

export interface CnosdbEnd {
  readonly kind: 'cnosdb'
  readonly url: string
  readonly database: string
  readonly username?: string
  readonly password?: string
}

/** A pipeline of the config by its name, and where its ends are. */
export interface PipelineUnderTorture {
  readonly name: string
  readonly source: KafkaEnd | FileEnd
  readonly sink: KafkaEnd | FileEnd | CnosdbEnd
  /** Whether it promises that nothing is doubled. */
  readonly once: boolean
}

export interface TorturedEnds {
  readonly pipeline: string
  readonly pair: string
  readonly once: boolean
  readonly config: TorturedPipeline
  readonly feed: Feed
  readonly destination: Destination
  readonly faults: readonly FaultSwitch[]
  /** Topics and tables are removed where the server can. */
  close(): Promise<void>
}

export interface EndsContext {
  readonly folder: string
  /** Unique; topics and tables are named after it. */
  readonly id: string
  readonly lanes: number
  readonly extra: string
  /** Whether servers fail. */
  readonly broken: boolean
}

type Cleanup = () => Promise<unknown>

export async function openEnds(pipeline: PipelineUnderTorture, context: EndsContext): Promise<TorturedEnds> {
  const { name, source, sink, once } = pipeline
  const cleanups: Cleanup[] = []
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.toReversed()) await cleanup().catch(() => undefined)
  }
  try {
    const own = { ...context, id: `${context.id}-${name}`, folder: join(context.folder, name) }
    await mkdir(own.folder)
    const feed = await openFeed(source, own, cleanups)
    const { destination, faults } = await openDestination(sink, own, cleanups)
    const deadLetters = { path: join(own.folder, 'dead-letters.jsonl') }
    const config = { name, source: feed.source, sink: destination.sink, deadLetters }
    return { pipeline: name, pair: `${source.kind} -> ${sink.kind}`, once, config, feed, destination, faults, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openFeed(
  source: PipelineUnderTorture['source'],
  context: EndsContext,
  cleanups: Cleanup[],
): Promise<Feed> {
  const { folder, lanes, extra, id } = context
  if (source.kind === 'file') return fileFeed({ folder, lanes, extra })
  const topic = await makeTopic(source, { name: `${id}.in`, partitions: lanes }, cleanups)
  const feed = await kafkaFeed({ bootstrap: source.bootstrap, topic, extra })
  cleanups.push(() => feed.close())
  return feed
}

type Opened = Pick<TorturedEnds, 'destination' | 'faults'>

async function openDestination(
  sink: PipelineUnderTorture['sink'],
  context: EndsContext,
  cleanups: Cleanup[],
): Promise<Opened> {
  const { folder, lanes, id, broken } = context
  if (sink.kind === 'file') return { destination: fileDestination(folder), faults: [] }
  if (sink.kind === 'kafka') {
    const topic = await makeTopic(sink, { name: `${id}.out`, partitions: lanes }, cleanups)
    const destination = await kafkaDestination(sink.bootstrap, topic)
    cleanups.push(() => destination.close())
    return { destination, faults: [] }
  }
  const table = id.replaceAll(/[^a-z0-9]/gi, '_').toLowerCase()
  const proxy = broken ? await httpProxy({ target: sink.url }) : undefined
  if (proxy !== undefined) cleanups.push(() => proxy.stop())
  const destination = cnosdbDestination({ ...sink, sinkUrl: proxy?.url ?? sink.url, table })
  cleanups.push(() => destination.close())
  return { destination, faults: proxy === undefined ? [] : serverFaults(proxy) }
}

/** Replicated where there are three brokers. */
async function makeTopic(
  { bootstrap }: KafkaEnd,
  { name, partitions }: { readonly name: string; readonly partitions: number },
  cleanups: Cleanup[],
): Promise<string> {
  const brokers = kafkaAt(bootstrap)
  const isReplicated = bootstrap.split(',').length >= 3
  const replication = isReplicated ? { replicationFactor: 3, config: { 'min.insync.replicas': '2' } } : {}
  await brokers.createTopic(name, { partitions, ...replication })
  cleanups.push(() => brokers.deleteTopic(name))
  return name
}
