import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type Range,
} from 'yaml'

import { type Path, pathKey, type Span } from './issue.ts'
import { type SyntaxIssue, syntaxIssues } from './yaml-problems.ts'

/** What stands at one path of the file. */
export interface Entry {
  readonly path: Path
  /** Undefined for list items and the root. */
  readonly key: Span | undefined
  /** Undefined where the file has a key and nothing after it. */
  readonly value: Span | undefined
  readonly scalar: boolean
}

/** A parsed file that still knows where everything stands. */
export interface YamlSource {
  readonly text: string
  /** Undefined where there are problems. */
  readonly value: unknown
  readonly entries: ReadonlyMap<string, Entry>
  readonly problems: readonly SyntaxIssue[]
  /** Where the path stands; for what is not in the file, where the nearest part of it above stands. */
  locate(path: Path, at: 'key' | 'value'): Span
  /** Both from 1. */
  position(offset: number): { readonly line: number; readonly column: number }
}

/** More than any config has that a person wrote; stops aliases that multiply or hold themselves. */
const maxNodes = 20_000

interface Walk {
  readonly document: Document
  readonly entries: Map<string, Entry>
  readonly problems: SyntaxIssue[]
}

/** Parses YAML 1.2 without resolving variables. Never throws: what is wrong is in `problems`. */
export function parseYaml(text: string): YamlSource {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  const walk: Walk = { document, entries: new Map(), problems: [] }
  if (document.contents === null) walk.problems.push({ span: { start: 0, end: 0 }, ...emptyFile })
  const value = valueOf(walk, document.contents, [], undefined)
  const problems = [...syntaxIssues(document, text), ...walk.problems]
  return {
    text,
    value: problems.length === 0 ? value : undefined,
    entries: walk.entries,
    problems,
    locate: (path, at) => locate(walk.entries, path, at),
    position: (offset) => {
      const { line, col } = lineCounter.linePos(offset)
      return { line: Math.max(1, line), column: Math.max(1, col) }
    },
  }
}

const emptyFile = { message: 'the file is empty', hint: 'A config needs at least `name` and `pipelines`.' }

const mergeKey = {
  message: 'merge keys (`<<`) are not supported',
  hint: 'Write the keys out; an alias (`key: *name`) stands for a whole value.',
}

function valueOf(walk: Walk, node: unknown, path: Path, key: Span | undefined): unknown {
  if (isAlias(node)) return aliased(walk, node, path, key)
  const span = spanOf(node)
  const entry: Entry = { path, key, value: span?.start === span?.end ? undefined : span, scalar: false }
  if (isMap(node)) {
    walk.entries.set(pathKey(path), entry)
    return Object.fromEntries(node.items.map((pair) => member(walk, pair, path)))
  }
  if (isSeq(node)) {
    walk.entries.set(pathKey(path), entry)
    return node.items.map((item, index) => valueOf(walk, item, [...path, index], undefined))
  }
  walk.entries.set(pathKey(path), { ...entry, scalar: true })
  return isScalar(node) ? node.value : null
}

function member(walk: Walk, { key, value }: Pair, path: Path): [string, unknown] {
  const span = spanOf(key)
  if (isScalar(key)) {
    if (key.value === '<<') walk.problems.push({ span: span ?? { start: 0, end: 0 }, ...mergeKey })
    const name = typeof key.value === 'string' ? key.value : (key.source ?? '')
    return [name, valueOf(walk, value, [...path, name], span)]
  }
  const hint = 'Keys are plain words.'
  walk.problems.push({ span: span ?? { start: 0, end: 0 }, message: 'a key must be a plain text', hint })
  return ['', undefined]
}

/** The value an alias stands for, at the place of the alias. */
function aliased(walk: Walk, node: Alias, path: Path, key: Span | undefined): unknown {
  const target = node.resolve(walk.document)
  const span = spanOf(node) ?? { start: 0, end: 0 }
  if (target === undefined) {
    const hint = `Define it before with &${node.source}.`
    walk.problems.push({ span, message: `there is no anchor &${node.source}`, hint })
    return undefined
  }
  if (walk.entries.size > maxNodes || path.length > 100) {
    const hint = 'An alias may not hold itself, nor multiply.'
    if (walk.problems.length === 0) walk.problems.push({ span, message: 'the aliases hold too much', hint })
    return undefined
  }
  const value = valueOf(walk, target, path, key)
  const entry = walk.entries.get(pathKey(path))
  if (entry !== undefined) walk.entries.set(pathKey(path), { ...entry, value: span, scalar: false })
  return value
}

function spanOf(node: unknown): Span | undefined {
  const range = (node as { range?: Range | null } | null)?.range
  return range === undefined || range === null ? undefined : { start: range[0], end: range[1] }
}

function locate(entries: ReadonlyMap<string, Entry>, path: Path, at: 'key' | 'value'): Span {
  const entry = entries.get(pathKey(path))
  if (entry !== undefined) {
    // A mapping or a list is named by its key; its text may be a hundred lines.
    const span = at === 'key' || !entry.scalar ? (entry.key ?? entry.value) : (entry.value ?? entry.key)
    if (span !== undefined && path.length > 0) return span
  }
  return path.length === 0 ? { start: 0, end: 0 } : locate(entries, path.slice(0, -1), 'key')
}
