import { type FileConfig, nameMessage, namePattern, type PipelineFileConfig } from './file-schema.ts'
import { isLongTransaction, whyNotExactlyOnce } from './guarantee.ts'
import type { Path } from './issue.ts'
import type { PipelineConfig, SinkEnd } from './pipeline-config.ts'
import { attempt, type ResolveContext } from './resolve-context.ts'
import { parseLimits } from './dead-letter-limits.ts'
import { resolveDeadLetters } from './resolve-dead-letters.ts'
import { resolveSink, resolveSource } from './resolve-end.ts'
import { resolveTransforms } from './resolve-transforms.ts'
import { isObject } from './validate.ts'

/**
 * Every pipeline of a file. Looks into each as far as it goes, also where the file itself is wrong (`file` undefined),
 * so that all issues come at once; the result is complete only where there are none.
 */
export async function resolvePipelines(
  context: ResolveContext,
  raw: unknown,
  file: FileConfig | undefined,
): Promise<PipelineConfig[]> {
  const pipelines = isObject(raw) && isObject(raw['pipelines']) ? raw['pipelines'] : undefined
  if (pipelines === undefined) return []
  if (Object.keys(pipelines).length === 0) {
    const hint = 'Add one: `pipelines: {my-pipeline: {source: …, sink: …}}`.'
    context.issues.push({ path: ['pipelines'], message: 'there is no pipeline', hint, at: 'key' })
  }
  const resolved: PipelineConfig[] = []
  const claims = new Map<string, string>()
  for (const [name, options] of Object.entries(pipelines)) {
    const path = ['pipelines', name]
    if (!new RegExp(namePattern).test(name)) {
      context.issues.push({ path, message: `the name of a pipeline ${nameMessage}`, at: 'key' })
    }
    if (!isObject(options)) continue
    const parts = await resolveParts(context, name, options)
    if (parts !== undefined) noteClaims(context, name, parts.sink, claims)
    const settings = file?.pipelines[name]
    if (parts === undefined || settings === undefined) continue
    const pipeline = assemble(name, parts, settings)
    noteObstacles(context, pipeline)
    resolved.push(pipeline)
  }
  return resolved
}

type Parts = Pick<PipelineConfig, 'source' | 'transforms' | 'sink'> & {
  readonly deadLetterQueue: PipelineConfig['errors']['deadLetterQueue']
}

async function resolveParts(
  context: ResolveContext,
  name: string,
  options: Readonly<Record<string, unknown>>,
): Promise<Parts | undefined> {
  const path = ['pipelines', name]
  const source = await resolveSource(context, options['source'], [...path, 'source'])
  const transforms = resolveTransforms(context, options['transforms'], [...path, 'transforms'])
  const sink = await resolveSink(context, options['sink'], [...path, 'sink'])
  const errors = isObject(options['errors']) ? options['errors'] : {}
  const at: Path = [...path, 'errors', 'deadLetterQueue']
  const request = { pipeline: name, options: errors['deadLetterQueue'], path: at, source, sink }
  const deadLetterQueue = await resolveDeadLetters(context, request)
  if (isObject(errors['deadLetterQueue']) && (errors['tolerance'] ?? 'none') === 'none') {
    const hint = 'Set `tolerance: all` beside it, or remove the queue.'
    context.issues.push({ path: at, message: 'nothing goes there with `tolerance: none`', hint, at: 'key' })
  }
  if (source === undefined || sink === undefined) return undefined
  return { source: source.end, transforms, sink: sink.end, deadLetterQueue }
}

/** What a sink must have for itself alone can't be another pipeline's as well. */
function noteClaims(context: ResolveContext, name: string, sink: SinkEnd, claims: Map<string, string>): void {
  const path = ['pipelines', name, 'sink']
  for (const claim of attempt(context, path, () => sink.plugin.sink?.claims?.(sink.config as never)) ?? []) {
    const holder = claims.get(claim)
    claims.set(claim, name)
    if (holder === undefined) continue
    const message = context.redact(`the pipeline ${holder} writes ${claim} as well`)
    context.issues.push({ path, message, hint: 'Give each pipeline its own.' })
  }
}

/** `delivery: exactly-once` is refused where it can't be kept. */
function noteObstacles(context: ResolveContext, pipeline: PipelineConfig): void {
  if (pipeline.delivery !== 'exactly-once') return
  const path = ['pipelines', pipeline.name]
  const obstacle = attempt(context, path, () => whyNotExactlyOnce(pipeline))
  if (obstacle !== undefined) {
    const { reason, hint } = obstacle
    context.issues.push({
      path: [...path, 'delivery'],
      message: context.redact(`\`exactly-once\` can’t be kept: ${reason}`),
      hint: context.redact(hint),
    })
  }
  if (!isLongTransaction(pipeline)) return
  const message = 'readers wait for the end of a transaction: with `exactly-once`, at most 10s'
  context.issues.push({ path: [...path, 'commitInterval'], message, hint: 'Leave it out: the default is 100ms.' })
}

function assemble(name: string, parts: Parts, settings: PipelineFileConfig): PipelineConfig {
  const { deadLetterQueue, ...ends } = parts
  const { errors, limits, latency, delivery, restart, commitInterval } = settings
  return {
    name,
    ...ends,
    errors: {
      tolerance: errors.tolerance,
      deadLetterQueue,
      deadLetterLimits: parseLimits(errors.deadLetterQueue ?? {}),
    },
    limits,
    restart: {
      maxRestarts: restart.maxRestarts,
      initialDelayMs: restart.initialDelay,
      maxDelayMs: restart.maxDelay,
      resetAfterMs: restart.resetAfter,
    },
    latency,
    delivery,
    commitIntervalMs: commitInterval,
  }
}
