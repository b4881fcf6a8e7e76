const NOTHING = Buffer.alloc(0)
/** A fragment is written by words of four bytes, and so up to three bytes too far. */
const OVERHANG = 3
/** Of a shorter text the bytes are not counted before they are written: three for each character are enough. */
const SHORT = 1024

/**
 * The body of one request. Texts and bytes are put one after another into one Buffer, which is sent as it is. A body
 * of nothing but texts is joined first, which costs least.
 */
export class BodyBuilder {
  /** What is written so far, up to `length`; replaced by `reserve`. */
  bytes: Buffer = NOTHING
  /** The same memory. */
  view: DataView = new DataView(NOTHING.buffer, 0, 0)
  length = 0
  #text = ''
  readonly #expected: number

  /** `expected`: how long the body is likely to be. */
  constructor(expected: number) {
    this.#expected = expected
  }

  append(text: string): void {
    this.#text += text
  }

  /** Writes the text at once, so that `length` counts its bytes. */
  write(text: string): void {
    this.reserve(text.length < SHORT ? 3 * text.length : Buffer.byteLength(text))
    this.length += this.bytes.write(text, this.length)
  }

  /** Makes room for so many bytes, which the caller writes into `bytes` and counts in `length`. */
  reserve(size: number): void {
    if (this.#text !== '') this.#flush()
    if (this.bytes.length - this.length < size + OVERHANG) this.#grow(size + OVERHANG)
  }

  finish(): Buffer {
    if (this.length === 0) return Buffer.from(this.#text)
    this.reserve(0)
    return this.bytes.subarray(0, this.length)
  }

  #flush(): void {
    const text = this.#text
    this.#text = ''
    this.reserve(Buffer.byteLength(text))
    this.length += this.bytes.write(text, this.length)
  }

  #grow(size: number): void {
    const grown = Buffer.allocUnsafe(Math.max(this.#expected, 2 * this.bytes.length, this.length + size))
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
    this.view = new DataView(grown.buffer, grown.byteOffset, grown.length)
  }
}

/** Bytes that are written again and again. */
export interface Fragment {
  readonly length: number
  /** Little-endian, with zeros at the end. */
  readonly words: Int32Array
}

export function fragment(text: string): Fragment {
  const bytes = Buffer.from(text)
  const words = new Int32Array(Math.ceil(bytes.length / 4))
  for (let i = 0; i < bytes.length; i++) words[i >> 2]! |= bytes[i]! << (8 * (i & 3))
  return { length: bytes.length, words }
}

/** Writes the fragment; returns the place after it. */
export function writeFragment({ words, length }: Fragment, to: DataView, at: number): number {
  for (let i = 0; i < words.length; i++) to.setInt32(at + 4 * i, words[i]!, true)
  return at + length
}

/** Shorter than this, a loop is faster than the call. */
const LOOP = 48

/** Copies a part of a Buffer; returns the place after it. */
export function copyRange(from: Buffer, { start, end }: Range, to: Buffer, at: number): number {
  if (end - start > LOOP) return at + from.copy(to, at, start, end)
  for (let i = start; i < end; i++) to[at++] = from[i]!
  return at
}

export interface Range {
  readonly start: number
  readonly end: number
}
