import type { ConverterFactory } from '../converters/index.ts'
import type { Transform } from '../api/transform.ts'
import type { ObjectSchema } from '../api/config-schema.ts'
import type { ConnectorRegistry } from '../plugins/registry.ts'
import { type Issue, type Path, pathKey, under } from './issue.ts'
import { type AnySchema, partsOf } from './json-schema.ts'
import { isObject, validateOptions } from './validate.ts'

/** What turns options into code, and gathers what is wrong with them on the way. */
export interface ResolveContext {
  /** The worker's name; undefined where it is wrong. */
  readonly worker: string
  /** Folder of the config file. */
  readonly folder: string
  /** Undefined for a state in memory. */
  readonly stateFolder: string | undefined
  readonly connectors: ConnectorRegistry
  readonly converters: readonly ConverterFactory<never>[]
  readonly transforms: readonly Transform<never>[]
  /** Whether the string at a path of the file came from a variable. */
  readonly isText: (path: Path) => boolean
  /** Whether a variable at the path, or below, could not be resolved. */
  readonly hasHole: (path: Path) => boolean
  /** Leaves values of variables out of a message that others wrote. */
  readonly redact: (message: string) => string
  readonly issues: Issue[]
  /** Filled with the {@link pathKey} of every value that a schema calls secret. */
  readonly secretPaths: Set<string>
}

/** Validates a part of the file and gathers its issues; undefined where there are any. */
export function checked<Config>(
  context: ResolveContext,
  schema: ObjectSchema<Config>,
  options: unknown,
  path: Path,
): Config | undefined {
  noteSecrets(context.secretPaths, schema, options, path)
  const { config, issues } = validateOptions(schema, options, (inner) => context.isText([...path, ...inner]))
  if (issues === undefined) return config
  context.issues.push(...issues.map((issue) => under(path, issue)))
  return undefined
}

/** Runs code of a connector, converter or transform that may refuse its config. */
export function attempt<T>(context: ResolveContext, path: Path, make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    const { message, hint } = error as { message?: unknown; hint?: unknown }
    const issue = { path, message: context.redact(String(message ?? error)) }
    context.issues.push(typeof hint === 'string' ? { ...issue, hint: context.redact(hint) } : issue)
    return undefined
  }
}

function noteSecrets(paths: Set<string>, schema: AnySchema, value: unknown, path: Path): void {
  const { secret, properties, additionalProperties, items, anyOf } = partsOf(schema)
  if (secret === true) paths.add(pathKey(path))
  for (const branch of anyOf ?? []) noteSecrets(paths, branch, value, path)
  if (Array.isArray(value)) value.forEach((item, i) => items && noteSecrets(paths, items, item, [...path, i]))
  else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      const own = properties?.[key] ?? additionalProperties
      if (own !== undefined) noteSecrets(paths, own, member, [...path, key])
    }
  }
}
