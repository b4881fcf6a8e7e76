import type { ObjectSchema, PropertySchema } from '@connect-run/core'

import type { Style } from './style.ts'
import { wrapped } from './wrapped.ts'

/** A documented option of a connector, flattened: `tls.ca`. */
export interface OptionRow {
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly default: string | undefined
  readonly description: string
  readonly advanced: boolean
}

interface Documented {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly format?: string
  readonly items?: Documented
  readonly anyOf?: readonly Documented[]
  readonly properties?: Readonly<Record<string, Documented>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Documented
  readonly description?: string
  readonly default?: unknown
  readonly secret?: boolean
  readonly advanced?: boolean
}

/** The options of a schema in its order, required ones first. */
export function optionRows(schema: ObjectSchema<never> | PropertySchema, prefix = ''): OptionRow[] {
  const { properties = {}, required = [] } = schema as Documented
  const rows = Object.entries(properties).map(([key, option]) => rowsOf(key, option, { prefix, required }))
  return rows.toSorted((a, b) => Number(b[0]!.required) - Number(a[0]!.required)).flat()
}

function rowsOf(
  key: string,
  option: Documented,
  { prefix, required }: { prefix: string; required: readonly string[] },
): OptionRow[] {
  const name = `${prefix}${key}`
  const isGroup = option.properties !== undefined
  const row: OptionRow = {
    name,
    type: isGroup ? 'group' : typeText(option),
    required: required.includes(key),
    default: option.secret === true || isGroup ? undefined : defaultText(option.default),
    description: option.description ?? '',
    advanced: option.advanced === true,
  }
  return isGroup ? [row, ...optionRows(option as PropertySchema, `${name}.`)] : [row]
}

/** Name, type and default on one line, the description below it. */
export function formatOptions(rows: readonly OptionRow[], columns: number, style: Style): string[] {
  return rows.flatMap(({ name, type, required, default: preset, description }) => {
    const facts = [type, ...(required ? ['required'] : []), ...(preset === undefined ? [] : [`default ${preset}`])]
    const head = `    ${style.bold(name)}  ${style.dim(facts.join(', '))}`
    return [head, ...wrapped(description, Math.min(columns, 100) - 8).map((line) => `        ${line}`)]
  })
}

function typeText(option: Documented): string {
  if (option.enum !== undefined) return option.enum.map(String).join(' | ')
  if (option.anyOf !== undefined) return [...new Set(option.anyOf.map(typeText))].join(' | ')
  if (option.format !== undefined) return option.format
  if (option.type === 'array') return `list of ${option.items === undefined ? 'values' : typeText(option.items)}`
  if (option.type === 'object') return `map of ${typeText(option.additionalProperties ?? {})}`
  return words[option.type ?? ''] ?? 'value'
}

const words: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true | false',
}

function defaultText(preset: unknown): string | undefined {
  if (preset === undefined) return undefined
  return typeof preset === 'string' && preset !== '' ? preset : JSON.stringify(preset)
}
