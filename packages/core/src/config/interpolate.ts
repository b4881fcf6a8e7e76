/** One `${…}` that could not be resolved, and where in the text it stands. */
export interface VariableProblem {
  readonly message: string
  readonly hint: string
  /** The text from `${` on, to find it again in the file. */
  readonly reference: string
}

export interface Interpolated {
  readonly text: string
  /** The text was one reference and nothing else: its type follows the schema. */
  readonly whole: boolean
  /** Variables and files that the text names, `${VAR:-default}` as `${VAR}`. */
  readonly references: readonly string[]
  /** Name and value of each variable and file that went in, so that messages can leave the values out. */
  readonly used: readonly { readonly reference: string; readonly value: string }[]
  readonly problems: readonly VariableProblem[]
}

export interface InterpolateOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Text of a file named by `${file:path}`. What it throws is reported without the content. */
  readonly readFile: (path: string) => string
}

/** A piece of a text: as it stands, or a reference. */
type Piece = string | Reference

interface Reference {
  readonly source: string
  readonly kind: 'variable' | 'file'
  /** Of a variable its name; of a file its path. */
  readonly name: readonly Piece[]
  readonly operator: '' | ':-' | ':?'
  /** What follows the operator: a default, or a message. */
  readonly rest: readonly Piece[]
  readonly problem: VariableProblem | undefined
}

/**
 * Resolves `${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `${file:path}` in one string. Names are upper case, so
 * that a connector's own templates (`${topic}`) pass; `$${` is a literal `${`. What a variable holds is never looked
 * at again. A default and a path may hold references themselves.
 */
export function interpolate(text: string, options: InterpolateOptions): Interpolated {
  if (!text.includes('${')) return { text, whole: false, references: [], used: [], problems: [] }
  const pieces = new Reader(text).pieces(false)
  const result = { used: [] as { reference: string; value: string }[], problems: [] as VariableProblem[] }
  const resolved = pieces.map((piece) => resolve(piece, options, result)).join('')
  const references = pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [nameOf(piece)]))
  return { text: resolved, whole: pieces.length === 1 && references.length === 1, references, ...result }
}

/** Without a default or a message. */
function nameOf({ kind, operator, source }: Reference): string {
  return kind === 'file' || operator === '' ? source : `${source.slice(0, source.indexOf(operator))}}`
}

/** The text with every literal part of it hidden, so that `${VAR}` still shows which variable a secret comes from. */
export function hideLiterals(text: string, mask: string): string {
  return new Reader(text)
    .pieces(false)
    .map((piece) => {
      if (typeof piece === 'string') return /^["'\s]*$/.test(piece) ? piece : mask
      const { kind, operator, rest, source } = piece
      if (kind === 'file' || operator !== ':-' || rest.length === 0) return source
      return `${source.slice(0, source.indexOf(':-'))}:-${mask}}`
    })
    .join('')
}

function resolve(
  piece: Piece,
  options: InterpolateOptions,
  result: { used: { reference: string; value: string }[]; problems: VariableProblem[] },
): string {
  if (typeof piece === 'string') return piece
  if (piece.problem !== undefined) {
    result.problems.push(piece.problem)
    return ''
  }
  const join = (pieces: readonly Piece[]): string => pieces.map((part) => resolve(part, options, result)).join('')
  const name = join(piece.name)
  const value = piece.kind === 'file' ? fromFile(piece, name, options, result.problems) : options.env[name]
  if (value !== undefined && (value !== '' || piece.operator === '')) {
    result.used.push({ reference: piece.kind === 'file' ? piece.source : `\${${name}}`, value })
    return value
  }
  if (piece.operator === ':-') return join(piece.rest)
  if (piece.kind === 'variable') result.problems.push(missing(piece, name, value, join(piece.rest)))
  return ''
}

function missing(piece: Reference, name: string, value: string | undefined, message: string): VariableProblem {
  const what = value === undefined ? 'is not set' : 'is empty'
  const because = message === '' ? '' : `: ${message}`
  const hint = `Set it in the environment, or give it a default: \${${name}:-…}.`
  return { message: `the variable ${name} ${what}${because}`, hint, reference: piece.source }
}

function fromFile(
  piece: Reference,
  path: string,
  options: InterpolateOptions,
  problems: VariableProblem[],
): string | undefined {
  try {
    return options.readFile(path).replace(/\r?\n$/, '')
  } catch (error) {
    const reason = unreadable[(error as NodeJS.ErrnoException).code ?? ''] ?? 'it cannot be read'
    const hint = 'The path is relative to the folder of the config file.'
    problems.push({ message: `${piece.source}: ${reason}`, hint, reference: piece.source })
    return undefined
  }
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8',
}

/** Splits a text into literal pieces and references, once from left to right. */
class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Up to the end, or up to the `}` that closes the reference around it. */
  pieces(nested: boolean): Piece[] {
    const pieces: Piece[] = []
    let literal = ''
    const end = nested ? '}' : undefined
    while (this.#at < this.#text.length && this.#text[this.#at] !== end) {
      const reference = this.#text.startsWith('$${', this.#at) ? this.#escape() : this.#reference()
      if (typeof reference === 'string') literal += reference
      else {
        if (literal !== '') pieces.push(literal)
        literal = ''
        pieces.push(reference)
      }
    }
    if (literal !== '') pieces.push(literal)
    return pieces
  }

  /** `$${…}` up to its own brace, which closes nothing around it. */
  #escape(): string {
    const escaped = /^\$\$\{[^{}]*\}?/.exec(this.#text.slice(this.#at))![0]
    this.#at += escaped.length
    return escaped.slice(1)
  }

  /** The reference that starts here, or a literal piece: one character, or a connector's template. */
  #reference(): Piece {
    const start = this.#at
    const rest = this.#text.slice(start)
    const file = rest.startsWith('${file:')
    const head = file ? '${file:' : /^\$\{[A-Z_][A-Z0-9_]*(?![A-Za-z0-9_.])/.exec(rest)?.[0]
    const literal = /^\$\{[^{}]*\}/.exec(rest)?.[0] ?? rest[0]!
    this.#at += (head ?? literal).length
    if (head === undefined) return literal
    const operator = file ? '' : (/^:[-?]/.exec(this.#text.slice(this.#at))?.[0] ?? '')
    this.#at += operator.length
    const inside = file || operator !== '' ? this.pieces(true) : []
    const closed = this.#text[this.#at] === '}'
    if (closed) this.#at++
    const source = this.#text.slice(start, this.#at)
    return {
      source,
      kind: file ? 'file' : 'variable',
      name: file ? inside : [head.slice(2)],
      operator: operator as Reference['operator'],
      rest: file ? [] : inside,
      problem: closed ? undefined : malformed(source, this.#text[this.#at]),
    }
  }
}

function malformed(source: string, next: string | undefined): VariableProblem {
  const reason = next === undefined ? 'is not closed' : `has an unexpected "${next}"`
  const hint = 'Write ${VAR}, ${VAR:-default}, ${VAR:?message} or ${file:path}; $${ is a literal ${.'
  return { message: `the reference ${source}… ${reason}`, hint, reference: source }
}
