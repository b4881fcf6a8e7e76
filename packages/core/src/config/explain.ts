import {
  type Guarantee,
  type GuaranteeLevel,
  guaranteeOf,
  sinkFacts,
  sourceFacts,
  whyNotExactlyOnce,
} from './guarantee.ts'
import type { DeadLetterTarget, DeliveryMode, PipelineConfig } from './pipeline-config.ts'
import { type StateConfig, stateLocation } from './state-config.ts'

/** What a pipeline promises, why, and what would change it. Made from what its connectors state; nothing is started. */
export interface Explanation {
  readonly pipeline: string
  readonly source: string
  readonly sink: string
  readonly delivery: DeliveryMode
  readonly guarantee: GuaranteeLevel
  /** The guarantee in one sentence. */
  readonly meaning: string
  readonly because: readonly { readonly part: Exclude<Part, 'settings'>; readonly text: string }[]
  readonly order: string
  /** What is left after something went wrong. */
  readonly after: readonly { readonly event: string; readonly text: string }[]
  /** Settings that take from the guarantee. */
  readonly weakenedBy: readonly { readonly setting: string; readonly text: string }[]
  /** What ends the pipeline instead of losing records; it goes on there when the cause is cured. */
  readonly stopsWhen: readonly string[]
  readonly stronger: readonly string[]
}

type Part = Guarantee['because'][number]['part']

const MEANING: Readonly<Record<GuaranteeLevel, string>> = {
  'best-effort': 'What was read and not written when a worker dies is gone.',
  'at-least-once': 'Every record is written; after a crash some are written twice.',
  'effectively-once': 'Every record is there once: what a crash makes the pipeline write again changes nothing.',
  'exactly-once': 'Every record is written once, in one transaction with its position.',
}

/** Explains a pipeline whose worker keeps its state there. */
export function explainPipeline(pipeline: PipelineConfig, state: StateConfig): Explanation {
  const { level, because } = guaranteeOf(pipeline, stateLocation(state))
  return {
    pipeline: pipeline.name,
    source: pipeline.source.plugin.name,
    sink: pipeline.sink.plugin.name,
    delivery: pipeline.delivery,
    guarantee: level,
    meaning: MEANING[level],
    because: because.flatMap(({ part, text }) => (part === 'settings' ? [] : [{ part, text }])),
    order: orderOf(pipeline),
    after: [
      { event: 'a worker is killed', text: afterKill(pipeline, level) },
      { event: 'the state is lost', text: afterLoss(pipeline) },
      { event: 'the machine is lost', text: afterMachine(pipeline, state) },
    ],
    weakenedBy: weakenedBy(pipeline, state),
    stopsWhen: stopsWhen(pipeline),
    stronger: stronger(pipeline, state, level),
  }
}

/** Who says where to go on after a restart. */
function authority(pipeline: PipelineConfig): 'source' | 'sink' | 'state' | 'nobody' {
  const { positions } = sourceFacts(pipeline)
  if (positions === 'none') return 'nobody'
  if (positions === 'source') return 'source'
  return sinkFacts(pipeline).holdsPositions === true || pipeline.delivery === 'exactly-once' ? 'sink' : 'state'
}

function orderOf(pipeline: PipelineConfig): string {
  const { ordered = false, concurrency = 1 } = sinkFacts(pipeline)
  const most = pipeline.sink.concurrency ?? concurrency
  if (ordered) return 'Records of one partition are written in the order in which they were read.'
  const parked = pipeline.sink.parking === undefined ? '' : ' Records in the retry queue are overtaken by later ones.'
  if (most > 1)
    return `Up to ${most} batches are written at the same time: to this sink, order does not matter.${parked}`
  return 'Batches are written one after another; a record that is tried again may come after later ones.'
}

function afterKill(pipeline: PipelineConfig, level: GuaranteeLevel): string {
  if (level === 'best-effort')
    return 'What was read and not written is gone; the pipeline goes on with what comes next.'
  if (level === 'exactly-once') return 'The open transaction is aborted, and its records are read and written again.'
  const { commitIntervalMs } = pipeline
  const since = commitIntervalMs === undefined ? '' : ` (\`commitInterval\` is ${duration(commitIntervalMs)})`
  const again = `Records since the last commit${since} are read again`
  if (level === 'at-least-once') return `${again}, and those of them that had been written are written twice.`
  const { idempotent } = sinkFacts(pipeline)
  return idempotent === true ? `${again} and written over themselves.` : `${again}, after the sink has cut them off.`
}

function afterLoss(pipeline: PipelineConfig): string {
  const isSafe = 'Nothing is lost but the figures of the ledger'
  const who = authority(pipeline)
  if (who === 'source') return `${isSafe}: the source keeps its positions itself.`
  if (who === 'sink') return `${isSafe}: the sink holds the positions beside its data.`
  if (who === 'nobody') return `${isSafe}: there are no positions.`
  const again = 'The source is read from where it begins without a position, and all of that is written again'
  return sinkFacts(pipeline).idempotent === true ? `${again}, which changes nothing.` : `${again}.`
}

function afterMachine(pipeline: PipelineConfig, state: StateConfig): string {
  const who = authority(pipeline)
  if (who === 'source') return 'A worker on another machine goes on from the positions that the source keeps.'
  if (who === 'sink') return 'The positions are where the data is: with the sink.'
  if (who === 'nobody') return 'A worker on another machine goes on with what comes next.'
  if (state.kind === 'memory') return 'The positions are lost with the process.'
  if (state.kind === 'file') return `The positions are lost with its disk, in ${state.folder}.`
  return `A worker on another machine takes over after ${duration(state.leaseMs)}, from ${stateLocation(state)}.`
}

function weakenedBy(pipeline: PipelineConfig, state: StateConfig): Explanation['weakenedBy'] {
  const { errors } = pipeline
  const found: { setting: string; text: string }[] = []
  if (errors.tolerance === 'all' && errors.deadLetterQueue === undefined) {
    const text = 'Records that can’t be handled are dropped and counted: no dead letter queue is named.'
    found.push({ setting: 'errors.tolerance: all', text })
  }
  if (authority(pipeline) === 'state') found.push(...stateWeakness(state))
  const ends = { source: sourceFacts(pipeline).caveats, sink: sinkFacts(pipeline).caveats }
  for (const [end, caveats = []] of Object.entries(ends)) {
    for (const { option, text } of caveats) found.push({ setting: `${end}.${option}`, text })
  }
  return found
}

function stateWeakness(state: StateConfig): Explanation['weakenedBy'] {
  if (state.kind === 'memory') {
    return [{ setting: 'state.url: memory:', text: 'Every start reads everything again.' }]
  }
  if (state.kind !== 'redis') return []
  const found: { setting: string; text: string }[] = []
  if (!state.durability.disk) {
    const text = 'A Redis that crashes may come back with older positions, and what came after is read again.'
    found.push({ setting: 'state.durability.disk: false', text })
  }
  if (!state.strict) {
    const text = 'A Redis that does not persist, or evicts keys, is warned of and used.'
    found.push({ setting: 'state.strict: false', text })
  }
  return found
}

function stopsWhen({ errors, sink, restart }: PipelineConfig): string[] {
  const { maxAttempts, maxElapsedMs } = sink.retry
  const bounds = [
    ...(maxAttempts > 0 ? [`${maxAttempts} attempts`] : []),
    ...(maxElapsedMs > 0 ? [duration(maxElapsedMs)] : []),
  ]
  const most = restart.maxRestarts
  return [
    errors.tolerance === 'none'
      ? 'A record can’t be handled (`errors.tolerance: none`): it stops before the record.'
      : fateOf(errors.deadLetterQueue),
    ...limitsOf(errors.deadLetterLimits),
    ...(bounds.length > 0
      ? [`The sink fails for ${bounds.join(' or ')} (\`retry\`): the task fails and restarts.`]
      : []),
    `The task has failed ${most + 1 === 1 ? 'once' : `${most + 1} times in a row`} (\`restart.maxRestarts: ${most}\`).`,
  ].filter((text) => text !== '')
}

function fateOf(target: DeadLetterTarget | undefined): string {
  if (target === undefined) return ''
  const where = target.kind === 'file' ? target.path : target.describe
  return `A record that can’t be handled can’t be written to the dead letter queue (${where}) either.`
}

function limitsOf(limits: PipelineConfig['errors']['deadLetterLimits']): string[] {
  const { maxRate, maxShare } = limits ?? {}
  return [
    ...(maxRate === undefined ? [] : [`More than ${maxRate.records} records in ${duration(maxRate.windowMs)} fail.`]),
    ...(maxShare === undefined
      ? []
      : [`More than ${maxShare.share * 100} % of the records of ${duration(maxShare.windowMs)} fail.`]),
  ]
}

function stronger(pipeline: PipelineConfig, state: StateConfig, level: GuaranteeLevel): string[] {
  const advice: string[] = []
  const obstacle = level === 'exactly-once' ? undefined : whyNotExactlyOnce(pipeline)
  if (level === 'at-least-once') {
    if (obstacle === undefined) advice.push('`delivery: exactly-once` writes records and positions in one transaction.')
    else advice.push(`\`delivery: exactly-once\` can’t be had: ${obstacle.reason}.`)
  }
  const { errors } = pipeline
  if (errors.tolerance === 'all' && errors.deadLetterQueue === undefined) {
    advice.push('`errors.deadLetterQueue` keeps the records that can’t be handled.')
  }
  if (authority(pipeline) !== 'state') return advice
  if (state.kind === 'memory') advice.push('`state.url: file:…` keeps the positions across restarts.')
  if (state.kind === 'file') advice.push('`state.url: redis://…` lets a worker on another machine take over.')
  if (state.kind === 'redis' && !state.strict)
    advice.push('`state.strict: true` refuses a Redis that may lose positions.')
  return advice
}

function duration(ms: number): string {
  if (ms % 60_000 === 0 && ms > 0) return `${ms / 60_000} min`
  return ms % 1000 === 0 && ms > 0 ? `${ms / 1000} s` : `${ms} ms`
}
