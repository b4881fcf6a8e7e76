import { ConnectError, RecordError } from '../api/errors.ts'
import { setOwn } from '../converters/json-reader.ts'

/** The names from the record's value down to a field. */
export type FieldPath = readonly string[]

type Fields = Readonly<Record<string, unknown>>

const STEP = /(?:`([^`]+)`|([^.`]+))(?:\.(?=.)|$)/y

/** Reads `a.b`; a name with a dot stands in backticks: `` `a.b`.c ``. Throws `CONFIG_INVALID`. */
export function parseFieldPath(text: string): FieldPath {
  const path: string[] = []
  STEP.lastIndex = 0
  while (STEP.lastIndex < text.length || path.length === 0) {
    const step = STEP.exec(text)
    const name = step?.[1] ?? step?.[2]
    if (name === undefined) throw notAPath(text, 'it has an empty or unfinished name')
    if (name === '__proto__') throw notAPath(text, 'no field may be named __proto__')
    path.push(name)
  }
  return path
}

function notAPath(text: string, reason: string): ConnectError {
  return new ConnectError('CONFIG_INVALID', `${JSON.stringify(text)} is not a path to a field: ${reason}`, {
    hint: 'write names with dots between them, `a.b`; a name with a dot in backticks, `` `a.b`.c ``',
  })
}

/** What stands at the path; undefined where nothing does. */
export function getField(value: unknown, path: FieldPath): unknown {
  let at = value
  for (let i = 0; i < path.length; i++) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, path[i]!)) return undefined
    at = (at as Fields)[path[i]!]
  }
  return at
}

/** A copy with the field set; objects on the way are made where they are missing. */
export function withField(fields: Fields, path: FieldPath, value: unknown, depth: number = 0): Fields {
  const name = path[depth]!
  const copy = copyOf(fields)
  if (depth === path.length - 1) copy[name] = value
  else {
    const inner = Object.hasOwn(fields, name) ? fields[name] : {}
    if (!isFields(inner)) {
      throw new RecordError('TRANSFORM_FAILED', `${pathText(path.slice(0, depth + 1))} is not an object`)
    }
    copy[name] = withField(inner, path, value, depth + 1)
  }
  return copy
}

/** A copy without the field. The others keep their order. */
export function withoutField(fields: Fields, path: FieldPath, depth: number = 0): Fields {
  const name = path[depth]!
  if (depth === path.length - 1) return copyOf(fields, name)
  const inner = fields[name]
  if (!isFields(inner)) return fields
  const copy = copyOf(fields)
  copy[name] = withoutField(inner, path, depth + 1)
  return copy
}

/** `{ ...fields }`, as it can be added to: adding to what a spread has made takes ten times as long. */
function copyOf(fields: Fields, leaveOut?: string): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const key in fields) if (key !== leaveOut) setOwn(copy, key, fields[key])
  return copy
}

/** Whether it is an object with fields: no array, no bytes, no date, no Map. */
export function isFields(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || (prototype as object).constructor.name === 'Object'
}

export function pathText(path: FieldPath): string {
  return path.map((name) => (name.includes('.') ? `\`${name}\`` : name)).join('.')
}
