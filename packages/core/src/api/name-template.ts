import { utf8Text } from '../converters/utf8.ts'
import { RecordError } from './errors.ts'
import type { ConnectRecord } from './record.ts'
import { type TimeFormat, timeFormat, timeProblem } from './time-pattern.ts'

/** What a placeholder of a name template stands for. */
export type TemplateSubject = 'topic' | 'key' | 'value' | 'header' | 'time'

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  /** `${topic}`: the stream of the record. */
  | { readonly kind: 'topic' }
  /** `${key}` */
  | { readonly kind: 'key' }
  /** `${value.a.b}`: a part of the value; `source` is the placeholder as written. */
  | { readonly kind: 'value'; readonly path: readonly string[]; readonly source: string }
  /** `${header.name}`: the last header of this name. */
  | { readonly kind: 'header'; readonly name: string; readonly source: string }
  /** `${time:yyyy.MM.dd}`: the time of the record, in UTC; see `time-pattern.ts`. */
  | { readonly kind: 'time'; readonly format: TimeFormat; readonly source: string }

const placeholder = /\$\{([^}]*)\}/g

const spelled: Readonly<Record<TemplateSubject, string>> = {
  topic: '${topic}',
  key: '${key}',
  value: '${value.…}',
  header: '${header.…}',
  time: '${time:…}',
}

/**
 * Names that are made from records (a sink's topic, table or index) are text with placeholders. They are lower case:
 * the config's own variables are upper case and are put in before a connector sees the text. This says what is wrong
 * with a template for a sink that knows these subjects, in words; undefined if nothing.
 */
export function templateProblem(template: string, subjects: readonly TemplateSubject[]): string | undefined {
  for (const [whole, name = ''] of template.matchAll(placeholder)) {
    if (subjects.some((subject) => isOf(subject, name))) continue
    if (subjects.includes('time') && /^time(?:$|:)/.test(name)) return `${whole}: ${timeProblem(patternOf(name))!}`
    const all = subjects.map((known) => spelled[known])
    return `${whole} is neither ${all.slice(0, -1).join(', ')} nor ${all[all.length - 1]}`
  }
  return template.replaceAll(placeholder, '').includes('${') ? 'a `${` is not closed' : undefined
}

function isOf(subject: TemplateSubject, name: string): boolean {
  if (subject === 'value') return /^value(?:\.[^.]+)+$/.test(name)
  if (subject === 'header') return /^header\../.test(name)
  if (subject === 'time') return name.startsWith('time:') && timeProblem(patternOf(name)) === undefined
  return name === subject
}

/** What follows the colon. */
function patternOf(name: string): string {
  return name.slice('time:'.length)
}

/** The parts of a template that has no problem. */
export function parseTemplate(template: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = []
  let end = 0
  for (const match of template.matchAll(placeholder)) {
    const [source, name = ''] = match
    if (match.index > end) parts.push({ kind: 'text', text: template.slice(end, match.index) })
    parts.push(partOf(name, source))
    end = match.index + source.length
  }
  if (end < template.length) parts.push({ kind: 'text', text: template.slice(end) })
  return parts
}

function partOf(name: string, source: string): TemplatePart {
  if (name === 'topic' || name === 'key') return { kind: name }
  if (name.startsWith('header.')) return { kind: 'header', name: name.slice('header.'.length), source }
  if (name.startsWith('time:')) return { kind: 'time', format: timeFormat(patternOf(name)), source }
  return { kind: 'value', path: name.split('.').slice(1), source }
}

/**
 * What a part of a template is for this record. Throws a `RecordError` where the record does not have it; `option`
 * names the sink's option.
 */
export function partText(part: TemplatePart, record: ConnectRecord, option: string): string {
  if (part.kind === 'text') return part.text
  if (part.kind === 'topic') return record.stream
  if (part.kind === 'key') return templateText(record.key, option, 'a key')
  if (part.kind === 'value') return templateText(valueAt(record.value, part.path), option, part.source)
  if (part.kind === 'header') return templateText(headerText(record, part.name), option, part.source)
  return templateText(timeText(part.format, record.timestamp), option, `${part.source} (a time)`)
}

function headerText({ headers }: ConnectRecord, name: string): string | undefined {
  const value = headers.findLast(({ key }) => key === name)?.value
  return value === undefined || value === null ? undefined : utf8Text(value, 0, value.length)
}

function timeText(format: TimeFormat, timestamp: number | undefined): string | undefined {
  return timestamp === undefined ? undefined : format(timestamp)
}

/**
 * What a placeholder found, as text. Throws a `RecordError` (`RECORD_INVALID`) for what is missing or has no text;
 * `option` names the sink's option, `what` the thing that is missing.
 */
export function templateText(found: unknown, option: string, what: string): string {
  if (typeof found === 'string') return found
  if (typeof found === 'number' || typeof found === 'bigint' || typeof found === 'boolean') return String(found)
  throw new RecordError('RECORD_INVALID', `the ${option} needs ${what}, which the record does not have`, {
    hint: `Send it, or change \`${option}\`.`,
  })
}

/** What stands at the end of a path of keys; undefined where there is nothing. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<string, unknown>)[key]
  }
  return at
}
