import { RecordError } from '@connect-run/core'

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'topic' }
  | { readonly kind: 'value'; readonly path: readonly string[]; readonly source: string }

/** A table name, fixed or made for each point. */
export interface TableTemplate {
  /** The name where it is always the same. */
  readonly fixed: string | undefined
  readonly namesTopic: boolean
  render(topic: string, point: unknown): string
}

const placeholder = /\$\{([^}]*)\}/g

/** What is wrong with the template, in words; undefined if nothing. */
export function templateProblem(template: string): string | undefined {
  for (const [whole, name = ''] of template.matchAll(placeholder)) {
    if (name !== 'topic' && !/^value(?:\.[^.]+)+$/.test(name)) return `${whole} is neither \${topic} nor \${value.…}`
  }
  return template.replaceAll(placeholder, '').includes('${') ? 'a `${` is not closed' : undefined
}

export function compileTable(template: string): TableTemplate {
  const parts = parse(template)
  const [only] = parts
  const fixed = parts.length === 1 && only?.kind === 'text' ? only.text : undefined
  return {
    fixed,
    namesTopic: parts.some((part) => part.kind === 'topic'),
    render: (topic, point) => {
      let name = ''
      for (const part of parts) {
        if (part.kind === 'text') name += part.text
        else name += part.kind === 'topic' ? topic : valueAt(point, part)
      }
      return name
    },
  }
}

function parse(template: string): Part[] {
  const parts: Part[] = []
  let end = 0
  for (const match of template.matchAll(placeholder)) {
    const [source, name = ''] = match
    if (match.index > end) parts.push({ kind: 'text', text: template.slice(end, match.index) })
    parts.push(name === 'topic' ? { kind: 'topic' } : { kind: 'value', path: name.split('.').slice(1), source })
    end = match.index + source.length
  }
  if (end < template.length) parts.push({ kind: 'text', text: template.slice(end) })
  return parts
}

function valueAt(point: unknown, part: { readonly path: readonly string[]; readonly source: string }): string {
  const value = follow(point, part.path)
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  throw new RecordError('RECORD_INVALID', `the table needs ${part.source}, which the point does not have`, {
    hint: 'Send it, or change `table`.',
  })
}

/** What stands at the end of a path of keys; undefined where there is nothing. */
export function follow(value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<string, unknown>)[key]
  }
  return at
}
