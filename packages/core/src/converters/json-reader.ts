/** What the reader can do that `JSON.parse` can't. */
export interface JsonReaderOptions {
  /** Makes the value of a number from its text, which has JSON's grammar. */
  readonly number: (text: string) => unknown
  /** Reads what Jackson reads: numbers may begin with zeros, and whatever follows the value is ignored. */
  readonly lenient?: boolean
}

/** Where a text stops being JSON. `at` is an index into the text. */
export class JsonSyntaxError extends Error {
  readonly at: number

  constructor(problem: string, at: number) {
    super(problem)
    this.at = at
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const LENIENT_NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const SPACE = /[ \t\r\n]*/y
// oxlint-disable-next-line no-control-regex -- JSON forbids exactly these
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const MAX_DEPTH = 1000

/**
 * Reads JSON with every number under control, and says where it ends being JSON. Slower than `JSON.parse`: for texts
 * with numbers that a double can't hold, for errors, and for Kafka Connect's envelope.
 */
export function readJson(text: string, options: JsonReaderOptions): unknown {
  const reader = new JsonReader(text, options)
  const value = reader.value(0)
  if (options.lenient !== true) reader.end()
  return value
}

class JsonReader {
  readonly #text: string
  readonly #options: JsonReaderOptions
  #at = 0

  constructor(text: string, options: JsonReaderOptions) {
    this.#text = text
    this.#options = options
  }

  value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new JsonSyntaxError(`nested deeper than ${MAX_DEPTH}`, this.#at)
    this.#skip()
    const first = this.#text[this.#at]
    if (first === '{') return this.#object(depth)
    if (first === '[') return this.#array(depth)
    if (first === '"') return this.#string()
    if (first === 't') return this.#word('true', true)
    if (first === 'f') return this.#word('false', false)
    return first === 'n' ? this.#word('null', null) : this.#number()
  }

  end(): void {
    this.#skip()
    if (this.#at < this.#text.length) throw this.#unexpected()
  }

  #object(depth: number): object {
    const object: Record<string, unknown> = {}
    this.#at++
    if (this.#take('}')) return object
    do {
      this.#skip()
      const key = this.#string()
      if (!this.#take(':')) throw this.#unexpected()
      setOwn(object, key, this.value(depth + 1))
    } while (this.#take(','))
    if (!this.#take('}')) throw this.#unexpected()
    return object
  }

  #array(depth: number): unknown[] {
    const array: unknown[] = []
    this.#at++
    if (this.#take(']')) return array
    do array.push(this.value(depth + 1))
    while (this.#take(','))
    if (!this.#take(']')) throw this.#unexpected()
    return array
  }

  #string(): string {
    const token = this.#match(STRING)
    if (token === undefined) throw this.#unexpected()
    return JSON.parse(token) as string
  }

  #number(): unknown {
    const start = this.#at
    const token = this.#match(this.#options.lenient === true ? LENIENT_NUMBER : NUMBER)
    if (token === undefined) throw this.#unexpected()
    try {
      return this.#options.number(token)
    } catch (error) {
      throw new JsonSyntaxError((error as Error).message, start)
    }
  }

  #word(word: string, value: boolean | null): boolean | null {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected()
    this.#at += word.length
    return value
  }

  #take(character: string): boolean {
    this.#skip()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #skip(): void {
    SPACE.lastIndex = this.#at
    SPACE.test(this.#text)
    this.#at = SPACE.lastIndex
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at = pattern.lastIndex
    return found[0]
  }

  #unexpected(): JsonSyntaxError {
    const found = this.#text[this.#at]
    return new JsonSyntaxError(found === undefined ? 'it ends too early' : `unexpected ${quote(found)}`, this.#at)
  }
}

/** Sets an own property whatever its name: `__proto__` is a name like any other in JSON. */
export function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  } else object[key] = value
}

function quote(character: string): string {
  return character === '"' ? 'a quotation mark' : JSON.stringify(character).replaceAll('"', "'")
}
