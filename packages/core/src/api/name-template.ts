import { RecordError } from './errors.ts'

/** What a placeholder of a name template stands for. */
export type TemplateSubject = 'topic' | 'key' | 'value'

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  /** `${topic}`: the stream of the record. */
  | { readonly kind: 'topic' }
  /** `${key}` */
  | { readonly kind: 'key' }
  /** `${value.a.b}`: a part of the value; `source` is the placeholder as written. */
  | { readonly kind: 'value'; readonly path: readonly string[]; readonly source: string }

const placeholder = /\$\{([^}]*)\}/g

const spelled: Readonly<Record<TemplateSubject, string>> = {
  topic: '${topic}',
  key: '${key}',
  value: '${value.…}',
}

/**
 * Names that are made from records (a sink's topic, table or index) are text with placeholders. They are lower case:
 * the config's own variables are upper case and are put in before a connector sees the text. This says what is wrong
 * with a template for a sink that knows these subjects, in words; undefined if nothing.
 */
export function templateProblem(template: string, subjects: readonly TemplateSubject[]): string | undefined {
  for (const [whole, name = ''] of template.matchAll(placeholder)) {
    if (subjects.some((subject) => isOf(subject, name))) continue
    const all = subjects.map((known) => spelled[known])
    return `${whole} is neither ${all.slice(0, -1).join(', ')} nor ${all[all.length - 1]}`
  }
  return template.replaceAll(placeholder, '').includes('${') ? 'a `${` is not closed' : undefined
}

function isOf(subject: TemplateSubject, name: string): boolean {
  return subject === 'value' ? /^value(?:\.[^.]+)+$/.test(name) : name === subject
}

/** The parts of a template that has no problem. */
export function parseTemplate(template: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = []
  let end = 0
  for (const match of template.matchAll(placeholder)) {
    const [source, name = ''] = match
    if (match.index > end) parts.push({ kind: 'text', text: template.slice(end, match.index) })
    if (name === 'topic' || name === 'key') parts.push({ kind: name })
    else parts.push({ kind: 'value', path: name.split('.').slice(1), source })
    end = match.index + source.length
  }
  if (end < template.length) parts.push({ kind: 'text', text: template.slice(end) })
  return parts
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
