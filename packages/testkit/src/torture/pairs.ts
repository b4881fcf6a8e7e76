import { stringify } from 'yaml'
import type { PipelineUnderTorture } from './ends.ts'

export const pairNames = ['kafka-cnosdb', 'kafka-file', 'kafka-kafka', 'file-kafka', 'file-file'] as const
export type PairName = (typeof pairNames)[number]

export interface PairServers {
  readonly bootstrap: string
  readonly cnosdbUrl: string
}

/** Pairs of connectors at their strongest guarantee, as pipelines of one worker. */
export interface Pairs {
  /** Of topics, files and tables there are only the names, which are there to be replaced. */
  readonly config: string
  readonly pipelines: readonly PipelineUnderTorture[]
}

type Options = Readonly<Record<string, unknown>>

/** The pairs of which nothing may be lost or doubled. */
export function strictPairs(names: readonly PairName[], servers: PairServers): Pairs {
  const pairs = names.map((name) => strictPair(name, servers))
  const pipelines = Object.fromEntries(pairs.map(({ name, options }) => [name, options]))
  return { config: stringify({ name: 'pairs', pipelines }), pipelines: pairs.map(({ pipeline }) => pipeline) }
}

interface Pair {
  readonly name: PairName
  readonly options: Options
  readonly pipeline: PipelineUnderTorture
}

type From = 'kafka' | 'file'
type To = 'kafka' | 'file' | 'cnosdb'

function strictPair(name: PairName, { bootstrap, cnosdbUrl }: PairServers): Pair {
  const [from, to] = name.split('-') as [From, To]
  // JSON for who wants fields, text as it stands for the others.
  const value = to === 'cnosdb' ? 'json' : 'string'
  const kafka = { connector: 'kafka', brokers: bootstrap, value }
  const sources: Readonly<Record<From, Options>> = {
    kafka: { ...kafka, topics: ['in'] },
    file: { connector: 'file', path: 'in', value },
  }
  const sinks: Readonly<Record<To, Options>> = {
    kafka: { ...kafka, topic: 'out' },
    file: { connector: 'file', path: 'out', value },
    cnosdb: { connector: 'cnosdb', url: cnosdbUrl, table: 't', timeout: '3s', retry: { maxDelay: '1s' } },
  }
  const ends = { kafka: { kind: 'kafka', bootstrap }, file: { kind: 'file' } } as const
  const cnosdb = { kind: 'cnosdb', url: cnosdbUrl, database: 'public' } as const
  return {
    name,
    options: { source: sources[from], sink: sinks[to], ...(to === 'kafka' ? { delivery: 'exactly-once' } : {}) },
    pipeline: { name, source: ends[from], sink: { ...ends, cnosdb }[to], once: true },
  }
}
