import type { ErrorCode } from '../api/error-codes.ts'

/** Keys from the root of the file (or of the options) down. */
export type Path = readonly (string | number)[]

/** From one offset in the text (inclusive) to another (exclusive). */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Something wrong with a value, before it is known where in which file that value stands. */
export interface Issue {
  readonly path: Path
  readonly message: string
  readonly hint?: string
  /** Which of the two to point at. Default `value`. */
  readonly at?: 'key' | 'value'
  /** Default `CONFIG_INVALID`. */
  readonly code?: ErrorCode
}

/** A path as one string, for maps and sets. */
export function pathKey(path: Path): string {
  return JSON.stringify(path)
}

/** `pipelines.orders.source.topics[0]`. */
export function pathText(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (/^[\w-]+$/.test(part)) text += text === '' ? part : `.${part}`
    else text += `[${JSON.stringify(part)}]`
  }
  return text
}

/** The same issue, seen from further up. */
export function under(prefix: Path, issue: Issue): Issue {
  return { ...issue, path: [...prefix, ...issue.path] }
}
