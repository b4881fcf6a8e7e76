import type { ObjectSchema } from '../api/config-schema.ts'
import { endSchema, runtimeKeys } from '../config/end-schema.ts'
import { compile } from '../config/json-schema.ts'
import { listOf } from '../config/suggest.ts'
import { isObject } from '../config/validate.ts'

/** What keeps a module's default export from being a connector; empty where it is one. */
export function pluginFlaws(plugin: unknown, name: string): string[] {
  if (!isObject(plugin)) return ['there is no default export, or it is not an object']
  const flaws: string[] = []
  if (plugin['name'] !== name) flaws.push(`its \`name\` must be "${name}" like its package says`)
  if (typeof plugin['description'] !== 'string') flaws.push('`description` is missing')
  if (plugin['source'] === undefined && plugin['sink'] === undefined) flaws.push('it has neither `source` nor `sink`')
  flaws.push(...optionalFunctions(plugin, ['deadLetterSink'], ''))
  for (const side of ['source', 'sink'] as const) {
    if (plugin[side] !== undefined) flaws.push(...sideFlaws(plugin[side], side))
  }
  return flaws
}

function sideFlaws(part: unknown, side: 'source' | 'sink'): string[] {
  if (!isObject(part)) return [`\`${side}\` is not an object`]
  const flaws: string[] = []
  if (typeof part['description'] !== 'string') flaws.push(`\`${side}.description\` is missing`)
  if (typeof part['create'] !== 'function') flaws.push(`\`${side}.create\` is not a function`)
  flaws.push(...optionalFunctions(part, ['check', 'probe', 'streams', 'traits'], `${side}.`))
  const { config } = part
  if (!isObject(config) || config['type'] !== 'object' || !isObject(config['properties'])) {
    return [...flaws, `\`${side}.config\` is not the schema of an object with \`properties\``]
  }
  const taken = Object.keys(config['properties']).filter((key) => runtimeKeys[side].includes(key))
  if (taken.length > 0) flaws.push(`\`${side}.config\` describes ${listOf(taken)}, which the runtime owns`)
  try {
    compile(endSchema(side, config as unknown as ObjectSchema<never>))
  } catch (error) {
    flaws.push(`\`${side}.config\` is not a valid schema: ${String((error as { message?: unknown }).message)}`)
  }
  return flaws
}

function optionalFunctions(part: Record<string, unknown>, keys: readonly string[], prefix: string): string[] {
  return keys
    .filter((key) => part[key] !== undefined && typeof part[key] !== 'function')
    .map((key) => `\`${prefix}${key}\` is not a function`)
}
