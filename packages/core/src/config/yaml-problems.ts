import type { Document, ErrorCode, YAMLError } from 'yaml'

import type { Span } from './issue.ts'

/** Something wrong with the text itself. */
export interface SyntaxIssue {
  readonly span: Span
  readonly message: string
  readonly hint: string
}

type Explanation = Omit<SyntaxIssue, 'span'>

const explanations: Partial<Record<ErrorCode, Explanation>> = {
  DUPLICATE_KEY: { message: 'the key is there twice', hint: 'Keep one of the two, or give one another name.' },
  TAB_AS_INDENT: { message: 'a tab is used as indentation', hint: 'YAML is indented with spaces.' },
  BAD_INDENT: {
    message: 'the indentation does not fit',
    hint: 'Keys of one section start at the same column.',
  },
  MULTIPLE_DOCS: { message: 'a second document starts here (`---`)', hint: 'One file holds one config.' },
  TAG_RESOLVE_FAILED: { message: 'unknown YAML tag', hint: 'Values from outside are written ${VAR} or ${file:path}.' },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a second `key: value` on the same line',
    hint: 'Put the value in quotes, or the inner key on a line of its own.',
  },
  BAD_SCALAR_START: {
    message: 'a value cannot start with this character',
    hint: 'Put the value in quotes.',
  },
}

/** At most one for each line: the first says it, the rest follow from it. */
export function syntaxIssues(document: Document, text: string): SyntaxIssue[] {
  const lines = new Set<number>()
  const issues: SyntaxIssue[] = []
  for (const error of [...document.errors, ...document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0])) {
    const lineStart = text.lastIndexOf('\n', Math.max(0, error.pos[0] - 1)) + 1
    if (lines.has(lineStart)) continue
    lines.add(lineStart)
    issues.push({ span: spanOf(error, text), ...explain(error, text.slice(lineStart, error.pos[1])) })
  }
  return issues
}

function explain(error: YAMLError, before: string): Explanation {
  if (before.endsWith('${')) {
    return {
      message: 'a `${…}` inside [ ] or { } is not in quotes',
      hint: 'Put it in quotes there, "${VAR}", for YAML reads a bare { as its own.',
    }
  }
  const known = explanations[error.code]
  if (known !== undefined) return known
  const message = error.message.charAt(0).toLowerCase() + error.message.slice(1)
  return { message, hint: 'The file must be valid YAML; look at quotes, colons and indentation nearby.' }
}

/** Of a document marker only its first line; never less than one character. */
function spanOf(error: YAMLError, text: string): Span {
  const [start, end] = error.pos
  const lineEnd = text.indexOf('\n', start)
  return { start, end: Math.max(start + 1, lineEnd < 0 ? end : Math.min(end, lineEnd)) }
}
