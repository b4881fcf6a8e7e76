import type { ConfigIssue, ConnectorPlugin } from '../api/connector.ts'
import type { Converter } from '../api/converter.ts'
import { isConnectError } from '../api/errors.ts'
import { type EndFileConfig, endSchema, ownOptions, type SinkFileConfig } from './end-schema.ts'
import type { Path } from './issue.ts'
import type { EndConfig, SinkEnd } from './pipeline-config.ts'
import { attempt, checked, type ResolveContext } from './resolve-context.ts'
import { didYouMean, listOf } from './suggest.ts'
import { isObject, withTypes } from './validate.ts'

/** An end that is ready to run, with its options as the user wrote them. */
export interface ResolvedEnd<End extends EndConfig = EndConfig> {
  readonly end: End
  readonly options: Readonly<Record<string, unknown>>
}

export async function resolveSource(
  context: ResolveContext,
  options: unknown,
  path: Path,
): Promise<ResolvedEnd | undefined> {
  return (await resolveEnd(context, { side: 'source', options, path }))?.resolved
}

export async function resolveSink(
  context: ResolveContext,
  options: unknown,
  path: Path,
): Promise<ResolvedEnd<SinkEnd> | undefined> {
  const found = await resolveEnd(context, { side: 'sink', options, path })
  if (found === undefined) return undefined
  const { batch, concurrency, retry, parking } = found.file as SinkFileConfig
  const { initialDelay, maxDelay, maxAttempts, maxElapsed, attemptTimeout } = retry
  const end: SinkEnd = {
    ...found.resolved.end,
    batch: {
      ...(batch.maxRecords === undefined ? {} : { maxRecords: batch.maxRecords }),
      ...(batch.maxBytes === undefined ? {} : { maxBytes: batch.maxBytes }),
      ...(batch.linger === undefined ? {} : { lingerMs: batch.linger }),
    },
    concurrency,
    retry: {
      initialDelayMs: initialDelay,
      maxDelayMs: maxDelay,
      maxAttempts,
      maxElapsedMs: maxElapsed,
      attemptTimeoutMs: attemptTimeout,
    },
    parking: parking && {
      maxRecords: parking.maxRecords,
      maxBytes: parking.maxBytes,
      maxAttempts: parking.maxAttempts,
      initialDelayMs: parking.initialDelay,
      maxDelayMs: parking.maxDelay,
    },
  }
  return { end, options: found.resolved.options }
}

/** The plugin named by `connector:`, or an issue that says what could have been meant. */
export async function findPlugin(
  context: ResolveContext,
  { side, options, path }: EndRequest,
): Promise<ConnectorPlugin | undefined> {
  const { connectors, issues } = context
  const name = isObject(options) ? options['connector'] : undefined
  const at = [...path, 'connector']
  const installed = `Installed: ${listOf(connectors.names) || 'none'}.`
  if (!isObject(options) || context.hasHole(at)) return undefined
  if (typeof name !== 'string' || name === '') {
    const isAbsent = !Object.hasOwn(options, 'connector')
    const message = isAbsent ? '"connector" is missing' : 'must be the name of a connector'
    issues.push({ path: isAbsent ? path : at, message, hint: installed, at: isAbsent ? 'key' : 'value' })
    return undefined
  }
  try {
    const plugin = await connectors.load(name)
    const shown = context.isText(at) ? 'this' : `"${name}"`
    if (plugin !== undefined && plugin[side] !== undefined) return plugin
    if (plugin !== undefined) {
      const other = side === 'source' ? 'sink' : 'source'
      issues.push({ path: at, message: `connector ${shown} has no ${side}`, hint: `It can only be a ${other}.` })
    } else {
      const hint = `${didYouMean(name, connectors.names, '')} ${installed}`.trim()
      issues.push({ path: at, code: 'CONNECTOR_UNKNOWN', message: `no connector is named ${shown}`, hint })
    }
  } catch (error) {
    if (!isConnectError(error)) throw error
    const hint = error.hint === undefined ? {} : { hint: error.hint }
    issues.push({ path: at, code: error.code, message: error.message, ...hint })
  }
  return undefined
}

export interface EndRequest {
  readonly side: 'source' | 'sink'
  readonly options: unknown
  readonly path: Path
}

async function resolveEnd(
  context: ResolveContext,
  request: EndRequest,
): Promise<{ resolved: ResolvedEnd; file: EndFileConfig } | undefined> {
  const { side, options, path } = request
  const plugin = await findPlugin(context, request)
  const part = plugin?.[side]
  if (plugin === undefined || part === undefined || !isObject(options)) return undefined
  const schema = endSchema(side, part.config)
  const file = checked(context, schema, options, path) as EndFileConfig | undefined
  const presets = { key: part.defaults?.key ?? 'string', value: part.defaults?.value ?? 'json' }
  const key = resolveConverter(context, options['key'] ?? presets.key, [...path, 'key'])
  const value = resolveConverter(context, options['value'] ?? presets.value, [...path, 'value'])
  if (file === undefined || key === undefined || value === undefined) return undefined
  const config = ownOptions(side, file) as never
  if (!context.hasHole(path)) report(context, path, attempt(context, path, () => part.check?.(config)) ?? [])
  const typed = withTypes(schema, options, (inner) => context.isText([...path, ...inner])) as object
  return { file, resolved: { end: { plugin, config, key, value }, options: ownOptions(side, typed) } }
}

/** What a connector says of its own options. */
export function report(context: ResolveContext, path: Path, found: readonly ConfigIssue[]): void {
  for (const issue of found) {
    const hint = issue.hint === undefined ? {} : { hint: context.redact(issue.hint) }
    context.issues.push({ path: [...path, ...issue.path], message: context.redact(issue.message), ...hint })
  }
}

/** Wrong forms (a list, a number) are left to the end's schema, which names them. */
function resolveConverter(context: ResolveContext, options: unknown, path: Path): Converter | undefined {
  const form = typeof options === 'string' ? { converter: options } : options
  if (!isObject(form) || typeof form['converter'] !== 'string') return undefined
  const { converter: name, ...own } = form as Record<string, unknown> & { converter: string }
  const at = typeof options === 'string' ? path : [...path, 'converter']
  if (context.hasHole(at)) return undefined
  const factory = context.converters.find((candidate) => candidate.name === name)
  if (factory === undefined) {
    const names = context.converters.map((candidate) => candidate.name)
    const shown = context.isText(at) ? 'this' : `"${name}"`
    const hint = didYouMean(name, names, `There are ${listOf(names)}.`)
    context.issues.push({ path: at, message: `no converter is named ${shown}`, hint })
    return undefined
  }
  const config = checked(context, factory.config, own, path)
  return config === undefined ? undefined : attempt(context, path, () => factory.create(config))
}
