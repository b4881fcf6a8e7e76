/** What makes a point the same row in the server, and which record it comes from. Reused from call to call. */
export interface PointIdentity {
  ms: number
  ns: number
  /** Hash of table and tags. */
  series: number
  /** Hash of stream and partition. */
  source: number
  offset: number
}

const SMALLEST = 16_384
const LARGEST = 262_144
/** The window holds so many times the largest batch: more than are in flight at once. */
const BATCHES = 8

/**
 * Remembers the identities of the last points, to notice two records that would become one row. It is exact for the
 * last 16,384 points, or for eight times the largest batch where that is more, up to 262,144.
 */
export class CollisionWindow {
  #capacity = SMALLEST
  #current = new Generation(SMALLEST)
  #previous = new Generation(SMALLEST)

  /** Says how many points may come at once. */
  reserve(points: number): void {
    const wanted = Math.min(points * BATCHES, LARGEST)
    if (wanted <= this.#capacity) return
    while (this.#capacity < wanted) this.#capacity *= 2
    this.#rotate()
  }

  /** Remembers the point. False if another record has its identity already, which keeps it. */
  claim(point: PointIdentity): boolean {
    const at = this.#current.find(point)
    if (this.#current.has(at)) return this.#current.isSameRecord(at, point)
    const before = this.#previous.find(point)
    if (this.#previous.has(before) && !this.#previous.isSameRecord(before, point)) return false
    this.#current.put(at, point)
    if (this.#current.isFull) this.#rotate()
    return true
  }

  #rotate(): void {
    const oldest = this.#previous
    this.#previous = this.#current
    if (oldest.capacity === this.#capacity) oldest.clear()
    this.#current = oldest.capacity === this.#capacity ? oldest : new Generation(this.#capacity)
  }
}

/** Numbers of one entry: millisecond (-1: free), series and nanosecond, source, offset. */
const STRIDE = 4
/** More than there are nanoseconds in a millisecond, so that series and nanosecond fit one exact number. */
const SERIES = 2 ** 20

/** An open-addressing table in one array: an entry is half a cache line, and no object. */
class Generation {
  readonly capacity: number
  readonly #mask: number
  readonly #entries: Float64Array
  #used = 0

  constructor(capacity: number) {
    const places = capacity * 2
    this.capacity = capacity
    this.#mask = places - 1
    this.#entries = new Float64Array(places * STRIDE)
    this.clear()
  }

  get isFull(): boolean {
    return this.#used >= this.capacity
  }

  /** Where the identity stands, or the free place for it. */
  find({ ms, ns, series }: PointIdentity): number {
    const entries = this.#entries
    const key = series * SERIES + ns
    const spread = Math.imul(ns ^ Math.imul(ms | 0, 0x9e3779b1), 0x85ebca6b) ^ series
    let at = (spread ^ (spread >>> 15)) & this.#mask
    while (entries[at * STRIDE] !== -1) {
      if (entries[at * STRIDE + 1] === key && entries[at * STRIDE] === ms) break
      at = (at + 1) & this.#mask
    }
    return at * STRIDE
  }

  has(at: number): boolean {
    return this.#entries[at] !== -1
  }

  isSameRecord(at: number, { source, offset }: PointIdentity): boolean {
    return this.#entries[at + 3] === offset && this.#entries[at + 2] === source
  }

  put(at: number, { ms, ns, series, source, offset }: PointIdentity): void {
    const entries = this.#entries
    entries[at] = ms
    entries[at + 1] = series * SERIES + ns
    entries[at + 2] = source
    entries[at + 3] = offset
    this.#used++
  }

  clear(): void {
    const entries = this.#entries
    for (let at = 0; at < entries.length; at += STRIDE) entries[at] = -1
    this.#used = 0
  }
}

/** A 32-bit hash of a text. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}
