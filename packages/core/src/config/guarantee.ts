import type { Obstacle, SourceTraits } from '../api/source-task.ts'
import type { SinkTraits } from '../api/sink-task.ts'
import type { PipelineConfig } from './pipeline-config.ts'

/** How long a transaction may be kept open on purpose, in milliseconds: its readers wait for it. */
const LONGEST_COMMIT_MS = 10_000

/**
 * What a pipeline guarantees for each record when a worker dies at any moment, from the weakest on.
 * `best-effort`: what was read and not written is gone. `at-least-once`: written, perhaps twice. `effectively-once`:
 * written twice perhaps, and there once. `exactly-once`: written once, in one transaction with the position.
 */
export type GuaranteeLevel = 'best-effort' | 'at-least-once' | 'effectively-once' | 'exactly-once'

export interface Guarantee {
  readonly level: GuaranteeLevel
  /** Why, a sentence for each part that has a say. */
  readonly because: readonly { readonly part: 'source' | 'sink' | 'state' | 'settings'; readonly text: string }[]
}

type Ends = Pick<PipelineConfig, 'source' | 'sink'>
type Written = Pick<PipelineConfig, 'delivery' | 'sink'>
type Asked = Ends & Pick<PipelineConfig, 'delivery' | 'errors'>

/** What a source states of itself, with defaults. */
type SourceFacts = SourceTraits & Required<Pick<SourceTraits, 'positions'>>

/** What a pipeline guarantees and why, from the facts that its connectors state. `stateUrl` is the worker's. */
export function guaranteeOf(pipeline: Asked, stateUrl: string): Guarantee {
  const source = sourceFacts(pipeline)
  const because: Guarantee['because'][number][] = [
    { part: 'source', text: sourceText(pipeline, source) },
    { part: 'sink', text: sinkText(pipeline) },
  ]
  if (source.positions === 'state') because.push({ part: 'state', text: stateText(pipeline, stateUrl) })
  if (pipeline.errors.tolerance === 'all' && pipeline.errors.deadLetterQueue === undefined) {
    const text = 'Records that can’t be handled are dropped and counted: `errors` names no dead letter queue.'
    because.push({ part: 'settings', text })
  }
  return { level: levelOf(pipeline, source), because }
}

/** Why the pair can't deliver each record exactly once, and what it can; undefined where it can. */
export function whyNotExactlyOnce(pipeline: Ends): Required<Obstacle> | undefined {
  const obstacle = obstacleOf(pipeline)
  if (obstacle === undefined) return undefined
  const otherwise = { ...pipeline, delivery: 'at-least-once' } as const
  const source = sourceFacts(pipeline)
  const level = levelOf(otherwise, source)
  const why = level === 'best-effort' ? sourceText(otherwise, source) : sinkText(otherwise)
  const strongest = `The strongest guarantee here is ${level}: ${lowered(why)}`
  return { reason: obstacle.reason, hint: obstacle.hint === undefined ? strongest : `${obstacle.hint} ${strongest}` }
}

/** Whether transactions of the config's `commitInterval` would last too long. */
export function isLongTransaction(pipeline: Pick<PipelineConfig, 'delivery' | 'commitIntervalMs'>): boolean {
  const { delivery, commitIntervalMs } = pipeline
  return delivery === 'exactly-once' && (commitIntervalMs ?? 0) > LONGEST_COMMIT_MS
}

function obstacleOf(pipeline: Ends): Obstacle | undefined {
  const source = sourceFacts(pipeline)
  const { plugin, config } = pipeline.sink
  if (source.notExactlyOnce !== undefined) return source.notExactlyOnce
  if (source.positions === 'none') {
    return { reason: `what the ${pipeline.source.plugin.name} source has read can’t be read again after a crash` }
  }
  const answer = plugin.sink?.exactlyOnce?.(config as never, source)
  if (answer === true) return undefined
  return answer ?? { reason: `the ${plugin.name} sink does not write in transactions` }
}

/** What the source states, with defaults. */
export function sourceFacts({ source }: Pick<PipelineConfig, 'source'>): SourceFacts {
  return { positions: 'state', ...source.plugin.source?.traits?.(source.config as never) }
}

/** What the sink states. */
export function sinkFacts({ sink }: Pick<PipelineConfig, 'sink'>): SinkTraits {
  return sink.plugin.sink?.traits?.(sink.config as never) ?? {}
}

function levelOf(pipeline: Written, { positions }: SourceFacts): GuaranteeLevel {
  if (positions === 'none') return 'best-effort'
  if (pipeline.delivery === 'exactly-once') return 'exactly-once'
  const { idempotent, holdsPositions } = sinkFacts(pipeline)
  return idempotent === true || holdsPositions === true ? 'effectively-once' : 'at-least-once'
}

function sourceText(
  { source, delivery }: Pick<PipelineConfig, 'source' | 'delivery'>,
  { positions }: SourceFacts,
): string {
  const name = `The ${source.plugin.name} source`
  if (positions === 'none') return `${name} can’t be asked again for what was read and not written.`
  if (positions === 'state') return `${name} goes on from a stored position.`
  if (delivery === 'exactly-once') return `${name} keeps its positions where the sink’s transactions include them.`
  return `${name} keeps its positions itself; they pass when the sink has the records.`
}

function sinkText(pipeline: Written): string {
  const name = `The ${pipeline.sink.plugin.name} sink`
  const { idempotent, holdsPositions } = sinkFacts(pipeline)
  if (pipeline.delivery === 'exactly-once') {
    return `${name} writes records and positions in one transaction; readers must leave out what is not committed.`
  }
  if (idempotent === true) return `${name} writes again after a crash what was not committed, and that changes nothing.`
  if (holdsPositions === true)
    return `${name} holds positions beside its data, and takes back what a crash left beyond.`
  return `${name} writes again after a crash what was not committed.`
}

function stateText({ delivery }: Asked, stateUrl: string): string {
  if (delivery === 'exactly-once') return 'The sink holds the positions; the state store keeps other workers off.'
  if (stateUrl === 'memory:') return 'Positions are kept in memory: a restart reads everything again.'
  return 'Positions are kept in the state store.'
}

function lowered(sentence: string): string {
  return `${sentence[0]!.toLowerCase()}${sentence.slice(1)}`
}
