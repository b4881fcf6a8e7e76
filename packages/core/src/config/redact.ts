import { hideLiterals } from './interpolate.ts'
import { type Path, pathKey, type Span } from './issue.ts'
import type { YamlSource } from './yaml-source.ts'

const mask = '******'

/** Keys whose values are hidden even where no schema says so: raw client properties, misspelt or unknown options. */
const secretKey = /pass(word|phrase|wd)?$|secret|token|api[-_.]?key|credential|private[-_.]?key|key\.pem|jaas/i

/** A part of a text and what is shown in its place. */
export interface Cover extends Span {
  readonly shown: string
}

export function looksSecret(key: string | number): boolean {
  return typeof key === 'string' && secretKey.test(key)
}

/** What must not be shown of a file: values under secret options and secret-looking keys, and passwords in URLs. */
export function secretCovers(source: YamlSource, secretPaths: ReadonlySet<string>): Cover[] {
  const covers: Cover[] = []
  for (const { path, value, scalar } of source.entries.values()) {
    if (!scalar || value === undefined) continue
    const text = source.text.slice(value.start, value.end)
    if (isSecret(path, secretPaths)) covers.push({ ...value, shown: hideLiterals(text, mask) })
    else covers.push(...urlPasswords(text, value.start))
  }
  return source.problems.length === 0 ? covers : [...covers, ...secretLines(source.text)]
}

/** The values at the paths that a schema calls secret. */
export function secretValues(root: unknown, secretPaths: ReadonlySet<string>): string[] {
  return [...secretPaths]
    .map((key) => valueAt(root, JSON.parse(key) as Path))
    .filter((value) => typeof value === 'string' && value !== '') as string[]
}

/** Undefined where the path leads nowhere. */
export function valueAt(root: unknown, path: Path): unknown {
  return path.reduce((value, part) => (value as Members)?.[part], root)
}

type Members = Readonly<Record<string | number, unknown>> | undefined

/** The text without secrets, and with every other value replaced by the reference that it came from. */
export function withoutValues(
  text: string,
  used: Iterable<{ readonly reference: string; readonly value: string }>,
  secrets: readonly string[],
): string {
  let result = text
  for (const secret of secrets) result = result.replaceAll(secret, mask)
  // A shorter value is a word of its own more often than it is a secret.
  for (const { reference, value } of used) if (value.length > 3) result = result.replaceAll(value, () => reference)
  return result
}

function isSecret(path: Path, secretPaths: ReadonlySet<string>): boolean {
  return path.some((key, depth) => looksSecret(key) || secretPaths.has(pathKey(path.slice(0, depth + 1))))
}

function urlPasswords(text: string, offset: number): Cover[] {
  return [...text.matchAll(/:\/\/[^\s/:@]*:([^\s/@]+)@/g)].map((match) => {
    const start = offset + match.index + match[0].length - 1 - match[1]!.length
    return { start, end: start + match[1]!.length, shown: hideLiterals(match[1]!, mask) }
  })
}

/** For a text that YAML can't make sense of: the rest of each line after a secret-looking key. */
function secretLines(text: string): Cover[] {
  const covers: Cover[] = []
  let lineStart = 0
  for (const line of text.split('\n')) {
    const key = [...line.matchAll(/([\w.-]+)["']?\s*:[ \t]*/g)].find((match) => looksSecret(match[1]!))
    if (key !== undefined) {
      const value = line.slice(key.index + key[0].length)
      const start = lineStart + line.length - value.length
      covers.push({ start, end: start + value.length, shown: hideLiterals(value, mask) })
    }
    lineStart += line.length + 1
  }
  return covers
}
