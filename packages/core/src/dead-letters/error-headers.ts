import type { Header } from '../api/record.ts'

const PREFIX = '__connect.errors.'

/** Kafka Connect's names (KIP-298) in its order, then what it does not tell. */
const names = [
  'topic',
  'partition',
  'offset',
  'connector.name',
  'task.id',
  'stage',
  'class.name',
  'exception.class.name',
  'exception.message',
  'exception.stacktrace',
  'code',
  'hint',
  'pipeline',
  'attempts',
  'first.failure.time',
  'timestamp',
  'encoded',
] as const

export type ErrorHeaderName = (typeof names)[number]

/** What the headers of a dead letter say, without their prefix. Texts in UTF-8; absent where nobody said. */
export type ErrorHeaders = Readonly<Partial<Record<ErrorHeaderName, string>>>

const known: ReadonlySet<string> = new Set(names)

export function toHeaders(values: ErrorHeaders): Header[] {
  return names.flatMap((name) => {
    const value = values[name]
    return value === undefined ? [] : [{ key: PREFIX + name, value: Buffer.from(value, 'utf8') }]
  })
}

/**
 * A dead letter's own headers and what was added to them. Only the last set is taken for what was added: a record may
 * have had such headers before, as one does that was read from a dead letter queue.
 */
export function splitHeaders(headers: readonly Header[]): { own: readonly Header[]; errors: ErrorHeaders } {
  const first = headers.findLastIndex(({ key }) => key === `${PREFIX}topic`)
  if (first < 0) return { own: headers, errors: {} }
  const own = headers.slice(0, first)
  const errors: Partial<Record<ErrorHeaderName, string>> = {}
  for (const header of headers.slice(first)) {
    const name = header.key.startsWith(PREFIX) ? header.key.slice(PREFIX.length) : ''
    if (isName(name)) errors[name] = header.value?.toString('utf8') ?? ''
    else own.push(header)
  }
  return { own, errors }
}

function isName(name: string): name is ErrorHeaderName {
  return known.has(name)
}
