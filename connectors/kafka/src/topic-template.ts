import { RecordError, type RecordBatch } from '@connect-run/core'

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'topic' }
  | { readonly kind: 'key' }
  | { readonly kind: 'value'; readonly path: readonly string[]; readonly source: string }

/** The topic of each record: a name, or made from the record. */
export interface TopicTemplate {
  /** The name where it is always the same. */
  readonly fixed: string | undefined
  /** Throws a RecordError where the record does not make a legal name. */
  render(batch: RecordBatch, row: number): string
}

const placeholder = /\$\{([^}]*)\}/g
const legalName = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/

/** What is wrong with the template, in words; undefined if nothing. */
export function templateProblem(template: string): string | undefined {
  for (const [whole, name = ''] of template.matchAll(placeholder)) {
    const known = name === 'topic' || name === 'key' || /^value(?:\.[^.]+)+$/.test(name)
    if (!known) return `${whole} is neither \${topic}, \${key} nor \${value.…}`
  }
  const text = template.replaceAll(placeholder, '')
  if (text.includes('${')) return 'a `${` is not closed'
  return text === '' || legalName.test(text.replace(/^\.{1,2}$/, 'x'))
    ? undefined
    : `\`${text}\` has characters that no topic name has`
}

export function compileTopic(template: string): TopicTemplate {
  const parts = parse(template)
  const [only] = parts
  if (parts.length === 1 && only?.kind === 'text') return { fixed: only.text, render: () => only.text }
  return {
    fixed: undefined,
    render: (batch, row) => {
      let name = ''
      for (const part of parts) name += partOf(part, batch, row)
      if (legalName.test(name)) return name
      throw new RecordError('RECORD_INVALID', `the record makes \`${name.slice(0, 80)}\`, which is no topic name`, {
        hint: 'A topic name has letters, digits, `.`, `_` and `-`, 249 at most.',
      })
    },
  }
}

function parse(template: string): Part[] {
  const parts: Part[] = []
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

function partOf(part: Part, batch: RecordBatch, row: number): string {
  if (part.kind === 'text') return part.text
  if (part.kind === 'topic') return batch.stream(row)
  const [found, what] =
    part.kind === 'key' ? [batch.key(row), 'a key'] : [follow(batch.value(row), part.path), part.source]
  if (typeof found === 'string') return found
  if (typeof found === 'number' || typeof found === 'bigint' || typeof found === 'boolean') return String(found)
  throw new RecordError('RECORD_INVALID', `the topic needs ${what}, which the record does not have`, {
    hint: 'Send it, or change `topic`.',
  })
}

function follow(value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<string, unknown>)[key]
  }
  return at
}
