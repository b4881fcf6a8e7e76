import { RecordError } from '@connect-run/core'

export type Api = 'cnosdb' | 'influxdb'

const needsCare = /[,= \\\n\r\0\ud800-\udfff]/
const mayBeUnwritable = /[\\\n\r\0\ud800-\udfff]/
const tableNeedsCare = /[,=\s\\#\0\ud800-\udfff]/
const separators = /[,= ]/g
const unpairedSurrogate = /\p{Cs}/u
const stringSpecials = /["\\\ud800-\udfff]/

/**
 * Where a backslash can't be told from an escape. CnosDB keeps a backslash only together with the backslash or
 * quote after it; InfluxDB keeps one that does not stand before a separator or at the end.
 */
function hasUnwritableBackslash(text: string, api: Api): boolean {
  if (!text.includes('\\')) return false
  if (api === 'influxdb') return /\\(?:[,= "]|$)/.test(text)
  return text.replaceAll(/\\[\\"']/g, '').includes('\\')
}

/** Why the server could not keep this name or tag value as it is; undefined if it can. */
function fault(text: string, api: Api): string | undefined {
  if (/[\n\r]/.test(text)) return 'has a line break'
  if (text.includes('\0')) return 'has a NUL'
  if (unpairedSurrogate.test(text)) return 'is not valid Unicode'
  return hasUnwritableBackslash(text, api) ? 'has a backslash' : undefined
}

/** The name of a tag or field, escaped. Throws `RECORD_INVALID` for one that can't be written. */
export function escapeName(name: string, what: 'tag' | 'field', api: Api): string {
  if (name === '') throw invalid(`a ${what} has an empty name`)
  if (name === 'time') throw invalid(`a ${what} is named \`time\`, which is the name of the time column`, 'time')
  if (!needsCare.test(name)) return name
  const reason = fault(name, api)
  if (reason !== undefined) throw invalid(`the ${what} name ${quoted(name)} ${reason}`, 'name')
  return name.replaceAll(separators, String.raw`\$&`)
}

/** A tag value, escaped; it must not be empty. */
export function escapeTagValue(name: string, value: string, api: Api): string {
  if (!needsCare.test(value)) return value
  const reason = mayBeUnwritable.test(value) ? fault(value, api) : undefined
  if (reason !== undefined)
    throw invalid(`the tag \`${name}\` ${reason}`, reason === 'has a backslash' ? 'backslash' : 'tag')
  return value.replaceAll(separators, String.raw`\$&`)
}

/** A table (measurement) name, escaped. */
export function escapeTable(name: string, api: Api): string {
  if (name === '') throw invalid('the table name is empty')
  if (!tableNeedsCare.test(name)) return name
  const reason = fault(name, api) ?? tableFault(name, api)
  if (reason !== undefined) throw invalid(`the table name ${quoted(name)} ${reason}`, 'table')
  return name.replaceAll(/[, ]/g, String.raw`\$&`)
}

/** CnosDB takes the first character for a part of the name whatever it is, and no `=` beside an escape. */
function tableFault(name: string, api: Api): string | undefined {
  if (/^[,\s#\\]/.test(name)) return `begins with ${quoted(name.charAt(0))}`
  return api === 'cnosdb' && name.includes('=') && /[, \\]/.test(name)
    ? 'has a `=` together with a character that must be escaped'
    : undefined
}

/** A string field with its quotes. Line breaks are kept. */
export function quoteString(name: string, value: string): string {
  if (!stringSpecials.test(value)) return `"${value}"`
  if (unpairedSurrogate.test(value)) throw invalid(`the field \`${name}\` is not valid Unicode`)
  return `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}

const hints = {
  object: 'Send JSON objects (or arrays of them), set `root` to where they stand, or add a transform that makes them.',
  time: 'Leave it out with `fields.exclude`, rename it with a transform, or let it be the time with `time.field`.',
  name: 'Rename it with a transform.',
  tag: 'Clean the value with a transform, or keep it as a field.',
  backslash: 'CnosDB can’t hold it in a tag: set `tags.backslash: slash`, or keep the value as a field.',
  table: 'Change `table` or the value that it is made of.',
} as const

export function invalid(message: string, hint?: keyof typeof hints): RecordError {
  return new RecordError('RECORD_INVALID', message, hint === undefined ? {} : { hint: hints[hint] })
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
