/** Up to here a loop copies sooner than a native call does. */
const SHORT_BYTES = 96
/** To copy a value of so many bytes takes memory, and time in which nothing else is done; it saves nothing. */
const LONG_BYTES = 64 * 1024
/** Memory up to this is kept for the next batch. */
const KEPT_BYTES = 8 * 1024 * 1024

const LF = 0x0a
const SPACE = 0x20

/**
 * Puts lines one behind the other: short values are copied into memory that serves batch after batch, long ones stay
 * where they are.
 */
export class LineBuffer {
  readonly #flat: boolean
  #memory = Buffer.alloc(0)
  #memoryView = viewOf(this.#memory)
  #values = viewOf(this.#memory)
  #used = 0
  /** What stands before this in the memory is listed. */
  #listed = 0
  #longBytes = 0
  #parts: Uint8Array[] = []

  /** `flat`: line ends within a value become spaces. */
  constructor(flat: boolean) {
    this.#flat = flat
  }

  /** Begins a batch, whose values are parts of `values`. What was returned of the one before is not valid any more. */
  begin(values: Buffer, starts: Int32Array, ends: Int32Array): void {
    this.#makeRoom(roomFor(starts, ends))
    this.#values = viewOf(values)
    this.#used = 0
    this.#listed = 0
    this.#longBytes = 0
    this.#parts = []
  }

  /** Bytes of all lines so far. */
  get length(): number {
    return this.#used + this.#longBytes
  }

  /** Appends bytes `start` to `end` of the values, and a line end. */
  add(start: number, end: number): void {
    const length = end - start
    if (length <= SHORT_BYTES) this.#copyShort(start, end)
    else if (length < LONG_BYTES) this.#copy(this.#bytes(start, end))
    else this.#list(this.#bytes(start, end))
    this.#memory[this.#used++] = LF
  }

  /** The lines, to be written in this order. */
  parts(): readonly Uint8Array[] {
    this.#listMemory()
    return this.#parts
  }

  #bytes(start: number, end: number): Uint8Array {
    return new Uint8Array(this.#values.buffer, this.#values.byteOffset + start, end - start)
  }

  #copyShort(start: number, end: number): void {
    const from = this.#values
    const to = this.#memoryView
    let at = this.#used
    let i = start
    for (const words = end - 3; i < words; i += 4, at += 4) to.setInt32(at, from.getInt32(i))
    for (; i < end; i++, at++) to.setUint8(at, from.getUint8(i))
    this.#copied(at)
  }

  #copy(value: Uint8Array): void {
    this.#memory.set(value, this.#used)
    this.#copied(this.#used + value.length)
  }

  #copied(to: number): void {
    if (this.#flat) flatten(this.#memory, this.#used, to)
    this.#used = to
  }

  #list(value: Uint8Array): void {
    this.#listMemory()
    this.#longBytes += value.length
    this.#parts.push(this.#flat && value.includes(LF) ? flattened(value) : value)
  }

  #listMemory(): void {
    if (this.#used > this.#listed) this.#parts.push(this.#memory.subarray(this.#listed, this.#used))
    this.#listed = this.#used
  }

  #makeRoom(bytes: number): void {
    if (this.#memory.length >= bytes && this.#memory.length <= KEPT_BYTES) return
    this.#memory = Buffer.allocUnsafeSlow(bytes + (bytes >> 2))
    this.#memoryView = viewOf(this.#memory)
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}

/** What is copied, with a line end for each. */
function roomFor(starts: Int32Array, ends: Int32Array): number {
  let bytes = ends.length
  for (let i = 0; i < ends.length; i++) {
    const length = ends[i]! - starts[i]!
    if (length > 0 && length < LONG_BYTES) bytes += length
  }
  return bytes
}

function flatten(bytes: Buffer, from: number, end: number): void {
  // There the search ends.
  bytes[end] = LF
  for (let at = bytes.indexOf(LF, from); at < end; at = bytes.indexOf(LF, at + 1)) bytes[at] = SPACE
}

function flattened(value: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(value.length + 1)
  copy.set(value)
  flatten(copy, 0, value.length)
  return copy.subarray(0, value.length)
}
