import { type PipelineConfig, type WorkerConfig, guaranteeOf } from '@connect-run/core/runtime'
import type { KafkaEnd, PipelineUnderTorture } from './ends.ts'

/** The run keeps its state in a folder or a server of its own. */
const OWN_STATE = 'file:'

export interface Subjects {
  readonly pipelines: readonly PipelineUnderTorture[]
  /** Pipelines that can't be fed or read back, and why. */
  readonly refused: readonly { readonly name: string; readonly why: string }[]
}

/** The pipelines of a config that can be put under torture, where so many workers run them at the same time. */
export function subjectsOf(config: WorkerConfig, workers: number): Subjects {
  const pipelines: PipelineUnderTorture[] = []
  const refused: { name: string; why: string }[] = []
  for (const pipeline of config.pipelines) {
    try {
      const ends = { source: sourceOf(pipeline), sink: sinkOf(pipeline) }
      if (workers > 1 && ends.sink.kind === 'file') throw new Unfit('a file has one writer: one worker')
      const { level } = guaranteeOf(pipeline, OWN_STATE)
      const once = level === 'effectively-once' || level === 'exactly-once'
      pipelines.push({ name: pipeline.name, ...ends, once })
    } catch (error) {
      if (!(error instanceof Unfit)) throw error
      refused.push({ name: pipeline.name, why: error.message })
    }
  }
  return { pipelines, refused }
}

class Unfit extends Error {}

type Options = Readonly<Record<string, unknown>>

function sourceOf({ source }: PipelineConfig): PipelineUnderTorture['source'] {
  const options = source.config as Options
  const { name } = source.plugin
  if (name === 'kafka') return kafkaOf(options)
  if (name !== 'file') throw new Unfit(`records can be put into kafka and files, not into ${name}`)
  if (options['format'] !== 'lines') throw new Unfit('files are fed line by line: `format: lines`')
  if (options['compression'] === 'gzip') throw new Unfit('compressed files are not followed')
  return { kind: 'file' }
}

function sinkOf({ sink }: PipelineConfig): PipelineUnderTorture['sink'] {
  const options = sink.config as Options
  const { name } = sink.plugin
  if (name === 'kafka') return kafkaOf(options)
  if (name === 'cnosdb') return cnosdbOf(options)
  if (name !== 'file') throw new Unfit(`what arrived can be read from kafka, cnosdb and files, not from ${name}`)
  if (options['path'] === '-') throw new Unfit('standard output can’t be read back')
  return { kind: 'file' }
}

function kafkaOf({ brokers, tls, auth }: Options): KafkaEnd {
  if (tls !== undefined || auth !== undefined) throw new Unfit('brokers with `tls` or `auth` can’t be fed')
  const bootstrap = typeof brokers === 'string' ? brokers : (brokers as readonly string[]).join(',')
  return { kind: 'kafka', bootstrap }
}

function cnosdbOf(options: Options): PipelineUnderTorture['sink'] {
  const { url, api, database, username, password } = options as Readonly<Record<string, string | undefined>>
  if (api !== 'cnosdb') throw new Unfit('rows are read back by CnosDB’s SQL: `api: cnosdb`')
  if (url?.startsWith('http:') !== true) throw new Unfit('a server is made to fail by a proxy, which takes no https')
  return {
    kind: 'cnosdb',
    url: url.replace(/\/+$/, ''),
    database: database ?? 'public',
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
}
