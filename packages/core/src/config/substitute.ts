import { interpolate, type InterpolateOptions, type VariableProblem } from './interpolate.ts'
import { type Issue, type Path, pathKey, type Span } from './issue.ts'
import { isObject } from './validate.ts'
import type { Entry, YamlSource } from './yaml-source.ts'

/** An issue that knows its place better than its path does. */
export interface PlacedIssue extends Issue {
  readonly span: Span
}

/** A file's values with every reference replaced. */
export interface Substituted {
  readonly value: unknown
  /** Whether the value at the path was one reference and nothing else. */
  readonly isText: (path: Path) => boolean
  /** Whether a reference at the path, or below it, could not be resolved. */
  readonly hasHole: (path: Path) => boolean
  /** The variables and files that the value at the path names. */
  readonly references: (path: Path) => readonly string[]
  readonly used: readonly { readonly reference: string; readonly value: string }[]
  readonly issues: readonly PlacedIssue[]
}

/** Replaces references in the string values of a parsed file; keys and structure stay as they were parsed. */
export function substitute(source: YamlSource, options: InterpolateOptions): Substituted {
  const texts = new Set<string>()
  const references = new Map<string, readonly string[]>()
  const holes = new Set<string>()
  const used: { reference: string; value: string }[] = []
  const issues: PlacedIssue[] = []
  const visit = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]))
    if (isObject(value)) {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])]))
    }
    if (typeof value !== 'string') return value
    const result = interpolate(value, options)
    if (result.whole) texts.add(pathKey(path))
    if (result.references.length > 0) references.set(pathKey(path), result.references)
    used.push(...result.used)
    for (const problem of result.problems) issues.push(placed(source, path, problem))
    if (result.problems.length > 0) path.forEach((_, depth) => holes.add(pathKey(path.slice(0, depth + 1))))
    return result.text
  }
  return {
    value: visit(source.value, []),
    isText: (path) => texts.has(pathKey(path)),
    hasHole: (path) => holes.has(pathKey(path)),
    references: (path) => references.get(pathKey(path)) ?? [],
    used,
    issues,
  }
}

/** Points at the reference itself where the file has it letter by letter, else at the value. */
function placed(source: YamlSource, path: Path, problem: VariableProblem): PlacedIssue {
  const { message, hint, reference } = problem
  const entry: Entry | undefined = source.entries.get(pathKey(path))
  const whole = entry?.value ?? source.locate(path, 'value')
  const index = source.text.slice(whole.start, whole.end).indexOf(reference)
  const start = index < 0 ? whole.start : whole.start + index
  const end = index < 0 ? whole.end : start + reference.length
  return { path, message, hint, code: 'CONFIG_VARIABLE', span: { start, end } }
}
