import { join, resolve } from 'node:path'

import type { ObjectSchema } from '../api/config-schema.ts'
import { type Path, under } from './issue.ts'
import type { DeadLetterTarget } from './pipeline-config.ts'
import { attempt, checked, type ResolveContext } from './resolve-context.ts'
import { findPlugin, report, type ResolvedEnd } from './resolve-end.ts'
import { isObject, validateOptions, withTypes } from './validate.ts'

export interface DeadLetterPlace {
  readonly topic?: string
  readonly path?: string
  readonly maxFileSize: number
}

/** Where dead letters go, unless to a connector with options of its own. */
export const deadLetterPlace: ObjectSchema<DeadLetterPlace> = {
  type: 'object',
  properties: {
    topic: { type: 'string', minLength: 1, description: 'A topic on the Kafka end of this pipeline.' },
    path: { type: 'string', minLength: 1, description: 'A file of JSON lines, relative to the config.' },
    maxFileSize: {
      type: 'string',
      format: 'size',
      default: '64MiB',
      description:
        'A file that would grow beyond it is set aside, and a new one begun. None is deleted but by `dlq purge`.',
    },
  },
  allOf: [{ not: { required: ['topic', 'path'] }, errorMessage: 'takes either `topic` or `path`' }],
}

export interface DeadLetterRequest {
  readonly pipeline: string
  readonly options: unknown
  readonly path: Path
  readonly source: ResolvedEnd | undefined
  readonly sink: ResolvedEnd | undefined
}

/** Where dead letters go. Undefined where there is no such queue, or it is wrong. */
export async function resolveDeadLetters(
  context: ResolveContext,
  request: DeadLetterRequest,
): Promise<DeadLetterTarget | undefined> {
  const { options, path, pipeline } = request
  if (!isObject(options)) return undefined
  const { maxRate: _rate, maxShare: _share, ...place } = options
  if (Object.hasOwn(place, 'connector')) return toConnector(context, place, path)
  const short = checked(context, deadLetterPlace, place, path)
  if (short === undefined || context.hasHole(path)) return undefined
  const { topic, path: file, maxFileSize: maxFileBytes } = short
  if (topic !== undefined) return toTopic(context, topic, request)
  if (file !== undefined) return { kind: 'file', path: resolve(context.folder, file), maxFileBytes }
  if (context.stateFolder !== undefined) {
    return { kind: 'file', path: join(context.stateFolder, `${context.worker}-${pipeline}.dlq.jsonl`), maxFileBytes }
  }
  const hint = 'Say where: `path: dead-letters.jsonl`. A state that is not in files has no folder to put them beside.'
  context.issues.push({ path, message: 'needs a `topic`, a `path` or a `connector`', hint, at: 'key' })
  return undefined
}

async function toConnector(
  context: ResolveContext,
  options: Readonly<Record<string, unknown>>,
  path: Path,
): Promise<DeadLetterTarget | undefined> {
  const plugin = await findPlugin(context, { side: 'sink', options, path })
  const sink = plugin?.sink
  if (plugin === undefined || sink === undefined) return undefined
  const { connector: _, ...own } = options
  const config = checked(context, sink.config, own, path)
  if (config === undefined) return undefined
  if (!context.hasHole(path)) report(context, path, attempt(context, path, () => sink.check?.(config)) ?? [])
  const typed = withTypes(sink.config, own, (inner) => context.isText([...path, ...inner])) as typeof own
  return { kind: 'sink', plugin, config, options: typed, describe: `connector ${plugin.name}` }
}

function toTopic(context: ResolveContext, topic: string, request: DeadLetterRequest): DeadLetterTarget | undefined {
  const path = [...request.path, 'topic']
  const { source, sink } = request
  if (source === undefined || sink === undefined) return undefined
  const holder = [source, sink].find(({ end }) => end.plugin.deadLetterSink !== undefined)
  const plugin = holder?.end.plugin
  if (holder === undefined || plugin?.sink === undefined) {
    const hint = 'Name the place instead: `path:` of a file, or `connector:` with its options.'
    context.issues.push({ path, message: 'no end of this pipeline can take dead letters to a topic', hint })
    return undefined
  }
  const streams = attempt(context, path, () => source.end.plugin.source?.streams?.(source.end.config as never))
  if (streams?.includes(topic) === true) {
    const hint = 'Dead letters would be read again, and again.'
    context.issues.push({ path, message: 'is a topic that this pipeline reads', hint })
    return undefined
  }
  const options = plugin.deadLetterSink?.(holder.options, topic) ?? {}
  const { config, issues } = validateOptions(plugin.sink.config, options)
  if (issues === undefined)
    return { kind: 'sink', plugin, config, options, describe: `topic ${topic} (${plugin.name})` }
  context.issues.push(...issues.map((issue) => under(path, { ...issue, message: `dead letters: ${issue.message}` })))
  return undefined
}
