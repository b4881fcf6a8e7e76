import type { ErrorObject } from 'ajv'
import { stringify } from 'yaml'

import type { Issue, Path } from './issue.ts'
import { partsOf, type SchemaParts } from './json-schema.ts'
import { didYouMean, listOf } from './suggest.ts'

/** What ajv found, in words: one issue for each mistake, however many rules it breaks. */
export function schemaIssues(errors: readonly ErrorObject[], root: unknown): Issue[] {
  return mistakes(errors).map((error) => {
    const path = pathOf(error.instancePath, root)
    const extra = error.keyword === 'additionalProperties' ? [String(error.params['additionalProperty'])] : []
    return Object.assign(explain(error, (error.parentSchema ?? {}) as SchemaParts), { path: [...path, ...extra] })
  })
}

type Explanation = Omit<Issue, 'path'>
type Explain = (error: ErrorObject, parts: SchemaParts) => Explanation

/** Leaves out what only follows from another error: branches of alternatives, and the insides of rules. */
function mistakes(errors: readonly ErrorObject[]): ErrorObject[] {
  let left = [...errors]
  const groups = errors
    .filter(({ keyword }) => ['anyOf', 'oneOf', 'not', 'if'].includes(keyword))
    .toSorted((a, b) => a.schemaPath.length - b.schemaPath.length)
  for (const group of groups) {
    if (!left.includes(group)) continue
    const inside = left.filter((error) => error !== group && isInside(error, group))
    const meant = group.parentSchema?.['errorMessage'] === undefined ? meantOf(group, inside) : []
    left = left.filter((error) => !inside.includes(error) || meant.includes(error))
    if (meant.length > 0) left = left.filter((error) => error !== group)
  }
  return left
}

function isInside(error: ErrorObject, group: ErrorObject): boolean {
  const rule = group.schemaPath.slice(0, group.schemaPath.lastIndexOf('/') + 1)
  const prefix = group.keyword === 'if' ? rule : `${group.schemaPath}/`
  return error.schemaPath.startsWith(prefix) && error.instancePath.startsWith(group.instancePath)
}

/** The errors of the alternative that the user seems to have meant: the one whose type is right. */
function meantOf(group: ErrorObject, inside: readonly ErrorObject[]): readonly ErrorObject[] {
  if (group.keyword === 'if') return inside
  if (group.keyword === 'not') return []
  const branchOf = (error: ErrorObject): string => error.schemaPath.slice(group.schemaPath.length + 1).split('/')[0]!
  const names = [...new Set(inside.map(branchOf))]
  const branches = names.map((name) => inside.filter((error) => branchOf(error) === name))
  const fitting = branches.filter((branch) =>
    branch.every((error) => error.keyword !== 'type' || error.instancePath !== group.instancePath),
  )
  return fitting.length === 1 ? fitting[0]! : []
}

const byKeyword: Readonly<Record<string, Explain>> = {
  additionalProperties: unknownKey,
  required: missingKey,
  type: wrongType,
  enum: (error, parts) => {
    const words = (parts.enum ?? []).map(String)
    const hint = typeof error.data === 'string' && parts.secret !== true ? didYouMean(error.data, words, '') : ''
    return { message: `must be ${listOf(words, 'or')}`, ...(hint === '' ? {} : { hint }) }
  },
  const: (error) => ({ message: `must be ${String(error.params['allowedValue'])}` }),
  format: wrongFormat,
  pattern: (_, parts) => ({ message: `must match ${parts.pattern}` }),
  minLength: () => ({ message: 'must not be empty', hint: 'Give it a value, or remove the line.' }),
  minItems: (error) => ({ message: `must have at least ${count(error.params['limit'] as number, 'item')}` }),
  minProperties: (error) => ({ message: `must have at least ${count(error.params['limit'] as number, 'entry')}` }),
  uniqueItems: () => ({ message: 'has the same item twice' }),
  minimum: (error) => ({ message: `must be ${error.params['limit']} or more` }),
  maximum: (error) => ({ message: `must be ${error.params['limit']} or less` }),
  exclusiveMinimum: (error) => ({ message: `must be more than ${error.params['limit']}` }),
  anyOf: (_, parts) => ({ message: `must be ${listOf([...new Set((parts.anyOf ?? []).map(nameOf))], 'or')}` }),
}

/** Mistakes about keys and blanks are explained better here than by a message about the value. */
const ownWords = new Set(['additionalProperties', 'required'])

function explain(error: ErrorObject, parts: SchemaParts): Explanation {
  const known = byKeyword[error.keyword]?.(error, parts)
  const isBlank = error.data === null || error.data === undefined
  if (parts.errorMessage !== undefined && !ownWords.has(error.keyword) && !isBlank) {
    return { ...known, message: parts.errorMessage }
  }
  if (isBlank && !ownWords.has(error.keyword))
    return { message: 'has no value', hint: 'Give it a value, or remove the line.' }
  return known ?? { message: error.message ?? 'is not valid' }
}

function unknownKey(error: ErrorObject, parts: SchemaParts): Explanation & { at: 'key' } {
  const key = String(error.params['additionalProperty'])
  const known = Object.keys(parts.properties ?? {})
  const hint = didYouMean(key, known, `Known here: ${listOf(known)}.`)
  return { message: `unknown key "${key}"`, hint, at: 'key' }
}

function missingKey(error: ErrorObject, parts: SchemaParts): Explanation & { at: 'key' } {
  const key = String(error.params['missingProperty'])
  const property = partsOf(parts.properties?.[key] ?? {})
  const example = property.examples?.[0] ?? property.enum?.[0]
  const written = `${key}: ${example === undefined || property.secret === true ? '…' : flowYaml(example)}`
  const what = property.description === undefined ? '' : ` ${property.description}`
  return { message: `"${key}" is missing`, hint: `Add \`${written}\`.${what}`, at: 'key' }
}

/** On one line, as it can be written after a key. */
function flowYaml(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd()
}

/** Said of a value that is right but for its quotes. */
export const unquote = 'Write it without quotes.'

function wrongType(error: ErrorObject, parts: SchemaParts): Explanation {
  const { data } = error
  const message = `must be ${nameOf(parts)}`
  const isPlain = typeof data === 'number' || typeof data === 'boolean'
  if (parts.format === 'duration' && typeof data === 'number') {
    const hint = parts.secret === true ? undefined : `Write ${data}s or ${data}ms.`
    return { message: 'a duration needs a unit', ...(hint === undefined ? {} : { hint }) }
  }
  if (parts.format === 'size' && typeof data === 'number') {
    return { message: 'a size needs a unit', hint: `Write ${data}B, ${data}KiB or ${data}MiB.` }
  }
  if (parts.type === 'string' && isPlain) return { message, hint: 'Put it in quotes.' }
  if (parts.type === 'array' && !(data instanceof Object)) return { message, hint: 'Write it as a list: [ … ].' }
  if (typeof data === 'string' && readsAs(parts.type, data)) return { message, hint: unquote }
  return { message }
}

/** Whether a text would be of the type if it had no quotes. */
function readsAs(type: SchemaParts['type'], text: string): boolean {
  if (type === 'boolean') return text === 'true' || text === 'false'
  return (type === 'integer' || type === 'number') && /^[-+]?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text)
}

function wrongFormat(error: ErrorObject, parts: SchemaParts): Explanation {
  const unitless = typeof error.data === 'string' && /^\d+(\.\d+)?$/.test(error.data)
  if (unitless && parts.format === 'duration') return { message: 'a duration needs a unit', hint: 'Such as 5s or 5ms.' }
  if (unitless && parts.format === 'size') return { message: 'a size needs a unit', hint: 'Such as 64KiB or 4MiB.' }
  return { message: `must be ${formats[parts.format!]}` }
}

const formats = {
  duration: 'a duration such as 200ms, 5s, 1m, 2h or 1d',
  size: 'a size such as 512B, 64KiB, 4MiB or 1GiB',
  url: 'an absolute http or https URL',
  regex: 'a valid regular expression',
} as const

const types = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
} as const

function nameOf(schema: object): string {
  const parts = partsOf(schema)
  if (parts.enum !== undefined) return listOf(parts.enum.map(String), 'or')
  if (parts.format !== undefined) return formats[parts.format]
  return parts.type === undefined ? 'another value' : types[parts.type]
}

function count(amount: number, what: string): string {
  if (amount === 1) return `one ${what}`
  return `${amount} ${what.replace(/y$/, 'ie')}s`
}

/** A JSON pointer as a path, with numbers where the value has arrays. */
function pathOf(pointer: string, root: unknown): Path {
  const path: (string | number)[] = []
  let value = root
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(value) ? Number(key) : key)
    value = (value as Record<string, unknown> | undefined)?.[key]
  }
  return path
}
