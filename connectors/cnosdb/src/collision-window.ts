/** What makes a point the same row in the server, and which record it comes from. Reused from call to call. */
export interface PointIdentity {
  ms: number
  ns: number
  /** Hash of table and tags. */
  series: number
  /** Hash of stream and partition. */
  source: number
  /** Number of the tags that the sink adds, below 2^21: points with different ones are different rows. */
  place: number
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
  #previous: Generation | undefined

  /** Says how many points may come at once. */
  reserve(points: number): void {
    const wanted = Math.min(points * BATCHES, LARGEST)
    if (wanted <= this.#capacity) return
    this.#capacity = wanted
    this.#rotate()
  }

  /** Remembers the point. False if another record has its identity already, which keeps it. */
  claim(point: PointIdentity): boolean {
    const current = this.#current
    const at = current.find(point)
    if (current.has(at)) return !current.isTakenFrom(at, point)
    const previous = this.#previous
    if (previous !== undefined && previous.latest >= point.ms) {
      const before = previous.find(point)
      if (previous.has(before) && previous.isTakenFrom(before, point)) return false
    }
    current.put(at, point)
    if (current.isFull) this.#rotate()
    return true
  }

  #rotate(): void {
    const oldest = this.#previous
    this.#previous = this.#current
    if (oldest?.capacity === this.#capacity) oldest.clear()
    this.#current = oldest?.capacity === this.#capacity ? oldest : new Generation(this.#capacity)
  }
}

/** Numbers of one entry: millisecond + 1 (0: free), series and nanosecond, source and place, offset. */
const STRIDE = 4
/** More than there are nanoseconds in a millisecond, so that series and nanosecond fit one exact number. */
const SERIES = 2 ** 20
/** And so with source and place. */
const SOURCE = 2 ** 21

/** An open-addressing table in one array: an entry is half a cache line, and no object. */
class Generation {
  readonly capacity: number
  /** The last millisecond in it. */
  latest = -1
  readonly #mask: number
  readonly #entries: Float64Array
  #used = 0

  constructor(capacity: number) {
    let places = 1
    while (places < capacity * 1.5) places *= 2
    this.capacity = capacity
    this.#mask = places - 1
    this.#entries = new Float64Array(places * STRIDE)
  }

  get isFull(): boolean {
    return this.#used >= this.capacity
  }

  /** Where the identity stands, or the free place for it. */
  find({ ms, ns, series }: PointIdentity): number {
    const entries = this.#entries
    const key = series * SERIES + ns
    // Points of one second with consecutive nanoseconds stand side by side, eight at a time: so do a partition's records.
    const spread = Math.imul((ns >>> 3) ^ Math.imul((ms | 0) >> 10, 0x9e3779b1), 0x85ebca6b) ^ series
    let at = (((spread ^ (spread >>> 15)) << 3) | (ns & 7)) & this.#mask
    while (entries[at * STRIDE] !== 0) {
      if (entries[at * STRIDE + 1] === key && entries[at * STRIDE] === ms + 1) break
      at = (at + 1) & this.#mask
    }
    return at * STRIDE
  }

  has(at: number): boolean {
    return this.#entries[at] !== 0
  }

  /** Whether another record has the row. Where only the hashes of two rows are the same, none has. */
  isTakenFrom(at: number, { source, place, offset }: PointIdentity): boolean {
    const holder = this.#entries[at + 2]!
    if (this.#entries[at + 3] === offset && holder === source * SOURCE + place) return false
    return holder - Math.floor(holder / SOURCE) * SOURCE === place
  }

  put(at: number, { ms, ns, series, source, place, offset }: PointIdentity): void {
    const entries = this.#entries
    entries[at] = ms + 1
    entries[at + 1] = series * SERIES + ns
    entries[at + 2] = source * SOURCE + place
    entries[at + 3] = offset
    if (ms > this.latest) this.latest = ms
    this.#used++
  }

  clear(): void {
    this.#entries.fill(0)
    this.#used = 0
    this.latest = -1
  }
}

const SEED = 0x811c9dc5

/** A 32-bit hash of a text, or of this text after the one that has the hash `before`. */
export function hashText(text: string, before: number = SEED): number {
  let hash = before
  for (let i = 0; i < text.length; i++) hash = hashCode(hash, text.charCodeAt(i))
  return hash
}

/** The hash after one more code unit. */
export function hashCode(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193)
}

/**
 * Spreads a finished hash, so that it can be added to others: without this, texts that differ in one character have
 * hashes at the same distances, and `a=1,b=2` adds up to the same as `a=2,b=1`.
 */
export function spreadHash(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  const whole = Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
  return whole ^ (whole >>> 16)
}
