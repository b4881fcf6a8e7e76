/**
 * What stands in a flat JSON object, as far as it says how its bytes can be used. Numbers: `INTEGER` and `DECIMAL` are
 * written as the shortest form of their double is, so that their bytes can be copied; `LONG` is an integer of 16 to 18
 * digits and `HUGE` one of more, which a double may round; `NUMBER` is any other, to be converted. `TEXT` has no escape.
 */
export type Token = number
export const NULL = 0
export const BOOLEAN = 1
export const INTEGER = 2
export const DECIMAL = 3
export const LONG = 4
export const HUGE = 5
export const NUMBER = 6
export const TEXT = 7
export const EMPTY = 8
export const TOKENS = 9

const QUOTE = 0x22
const PLUS = 0x2b
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const BACKSLASH = 0x5c

/** Any text of so many digits is the shortest form of its double, but for zeros at its end. */
const EXACT_DIGITS = 15
const INT64_DIGITS = 18
/** Smaller numbers are written with an exponent: there are more zeros than this after the point. */
const PLAIN_ZEROS = 5

/** What `toString` calls after looking at its arguments, which costs a third of it for short texts. */
export type SlicingBuffer = Buffer & {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

/** By byte: 1 where it can't stand in a text that is copied as it is. */
const stops: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === QUOTE || byte === BACKSLASH ? 1 : 0,
)

/**
 * Reads the tokens of JSON texts that stand in one buffer. Every method takes the place of a token and returns the
 * place after it, or -1 where there is no such token or one that is left to the general path.
 */
export class TokenReader {
  /** What `value` read last: which token, and where it stands, with its quotes. Zeros that a number ends in are left out. */
  token: Token = NULL
  start = 0
  end = 0
  /** The value of a `NUMBER`. */
  number = 0
  /** All bytes of texts together: 0x80 or more if one is not ASCII. */
  seen = 0
  #buffer!: SlicingBuffer
  #limit = 0

  /** Reads on in this buffer, no further than `limit`. */
  begin(buffer: SlicingBuffer, limit: number): void {
    this.#buffer = buffer
    this.#limit = limit
    this.seen = 0
  }

  value(at: number): number {
    const first = this.#buffer[at]!
    this.start = at
    if (first === QUOTE) return this.#text(at)
    if (first <= NINE) return this.#number(at)
    this.token = BOOLEAN
    if (first === 0x74) return this.#word(at, words.true)
    if (first === 0x66) return this.#word(at, words.false)
    this.token = NULL
    return first === 0x6e ? this.#word(at, words.null) : -1
  }

  /** A text in quotes, without escapes. */
  text(at: number): number {
    const buffer = this.#buffer
    const limit = this.#limit
    if (buffer[at] !== QUOTE) return -1
    let seen = this.seen
    let byte = 0
    while (++at < limit) {
      byte = buffer[at]!
      if (stops[byte] === 1) break
      seen |= byte
    }
    this.seen = seen
    return at < limit && byte === QUOTE ? at + 1 : -1
  }

  #text(at: number): number {
    this.end = this.text(at)
    this.token = this.end - at === 2 ? EMPTY : TEXT
    return this.end
  }

  #word(at: number, word: Uint8Array): number {
    for (let i = 0; i < word.length; i++) if (this.#buffer[at + i] !== word[i]) return -1
    return (this.end = at + word.length)
  }

  #number(at: number): number {
    const buffer = this.#buffer
    const whole = buffer[at] === MINUS ? at + 1 : at
    const point = this.#digits(whole)
    if (point === whole || (buffer[whole] === ZERO && point - whole > 1)) return -1
    this.end = point
    this.token = point - whole <= EXACT_DIGITS ? INTEGER : point - whole <= INT64_DIGITS ? LONG : HUGE
    let after = point
    if (buffer[point] === POINT) {
      after = this.#digits(point + 1)
      if (after === point + 1) return -1
      this.#decimal(whole, point, after)
    }
    if ((buffer[after]! | 0x20) === 0x65) return this.#exponent(after)
    // Minus zero is written as such in a DOUBLE, and nowhere else.
    if (whole > at && buffer[whole] === ZERO && this.token === INTEGER) this.token = NUMBER
    return this.token === NUMBER ? this.#convert(after) : after
  }

  #decimal(whole: number, point: number, after: number): void {
    const buffer = this.#buffer
    let end = after
    while (buffer[end - 1] === ZERO) end--
    const isWhole = end === point + 1
    this.end = isWhole ? point : end
    const digits = isWhole ? point - whole : end - whole - 1
    this.token = isWhole ? INTEGER : DECIMAL
    if (digits > EXACT_DIGITS || (buffer[whole] === ZERO && this.#zeros(point + 1) > PLAIN_ZEROS)) this.token = NUMBER
  }

  #exponent(at: number): number {
    const sign = this.#buffer[at + 1]
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1
    const after = this.#digits(digits)
    return after === digits ? -1 : this.#convert(after)
  }

  #convert(after: number): number {
    this.token = NUMBER
    this.end = after
    this.number = Number(this.#buffer.latin1Slice(this.start, after))
    return Number.isFinite(this.number) ? after : -1
  }

  #digits(at: number): number {
    const buffer = this.#buffer
    while (buffer[at]! >= ZERO && buffer[at]! <= NINE) at++
    return at
  }

  #zeros(from: number): number {
    let at = from
    while (this.#buffer[at] === ZERO) at++
    return at - from
  }
}

const words = { true: Buffer.from('true'), false: Buffer.from('false'), null: Buffer.from('null') } as const

/** The place of the next byte that is no white space. */
export function skipSpace(buffer: Buffer, at: number): number {
  let byte = buffer[at]!
  while (byte <= 0x20 && (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)) byte = buffer[++at]!
  return at
}
