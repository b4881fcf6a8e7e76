import { type PackedRecords, type RecordBatch, RecordError } from '@connect-run/core'
import { type Fragment, fragment } from '@connect-run/http'
import { type PointIdentity, hashText, spreadHash } from '../collision-window.ts'
import type { Mapping } from '../mapping.ts'
import { TimeWriter, checkMillisecond, joinTime, millisecondDigits, nanosecondOf } from './point-time.ts'
import { escapeName, escapeTagValue } from './text.ts'

/** What is known of more streams than this is forgotten, to bound memory. */
const MAX_STREAMS = 1000

/** A partition of a stream, as its points show it. */
interface Place {
  readonly partition: number
  /** `,name=value` of each tag that all its points have. */
  readonly tags: string
  readonly tagHash: number
  /** Hash of stream and partition. */
  readonly source: number
  /** Number of the tags. */
  readonly number: number
  /** Table and tags, escaped; for records whose table is a matter of their stream. */
  head: Fragment | undefined
}

/**
 * What the points of one record have from the record itself: time and added tags. Moved from row to row; what stays
 * the same from one row to the next (partition, millisecond) is not made again.
 */
export class Origin implements PointIdentity {
  stream = ''
  offset = 0
  ms = 0
  ns = 0
  /** Set by the encoder, once it has the point. */
  series = 0
  tags = ''
  tagHash = 0
  source = 0
  place = 0
  readonly #mapping: Mapping
  readonly #constantTags: string
  readonly #streams = new Map<string, Place[]>()
  #batch!: RecordBatch
  #packed!: PackedRecords
  /** Index of the stream in the batch. */
  #stream = -1
  #places: Place[] = []
  #place: Place | undefined
  #timestamp = -1
  #millisecondPart = ''
  readonly #timeWriter = new TimeWriter()

  /** `overridable`: static tags that a value may replace; they are not among the constant ones. */
  constructor(mapping: Mapping, overridable: ReadonlySet<string>) {
    this.#mapping = mapping
    this.#constantTags = Object.entries(mapping.staticTags)
      .filter(([name]) => !overridable.has(name))
      .map(([name, value]) => tagText(name, value, mapping))
      .join('')
  }

  /** Whose rows come next. */
  begin(batch: RecordBatch): void {
    this.#batch = batch
    this.#packed = batch.packed
    this.#stream = -1
  }

  /** `packedRow`: where the row stands in the packed columns. */
  moveTo(row: number, packedRow: number): void {
    const packed = this.#packed
    const partition = packed.partition[packedRow]!
    const stream = packed.stream[packedRow]!
    if (stream !== this.#stream || this.#place === undefined) this.#enter(packed.streams[stream]!)
    this.#stream = stream
    if (this.#place?.partition !== partition) this.#goTo(partition)
    this.offset = packed.offset[packedRow]!
    if (this.#mapping.timeField === undefined) this.#setTime(packed.timestamp[packedRow]!, partition)
    if (this.#mapping.headerTags.length > 0) this.#addHeaders(row)
  }

  /** Nanoseconds since 1970, where the time is not in the value. */
  time(): string {
    if (this.ms !== this.#timestamp) {
      this.#millisecondPart = millisecondDigits(this.ms)
      this.#timestamp = this.ms
    }
    return joinTime(this.#millisecondPart, this.ns)
  }

  /** The same, as bytes; returns the place after them. */
  writeTime(to: Buffer, at: number): number {
    return this.#timeWriter.write(this.ms, this.ns, to, at)
  }

  /** Table and tags, where all records of the partition have the same. */
  head(tableHead: string): Fragment {
    return (this.#place!.head ??= fragment(tableHead + this.tags))
  }

  #enter(stream: string): void {
    if (stream === this.stream && this.#place !== undefined) return
    const known = this.#streams.get(stream)
    this.stream = stream
    this.#place = undefined
    this.#places = known ?? []
    if (known !== undefined) return
    if (this.#streams.size === MAX_STREAMS) this.#streams.clear()
    this.#streams.set(stream, this.#places)
  }

  #goTo(partition: number): void {
    const place = (this.#places[partition] ??= this.#newPlace(partition))
    this.#place = place
    this.tags = place.tags
    this.tagHash = place.tagHash
    this.source = place.source
    this.place = place.number
  }

  #newPlace(partition: number): Place {
    const mapping = this.#mapping
    const topic = mapping.topicTag ? tagText('topic', this.stream, mapping) : ''
    const tags = this.#constantTags + topic + (mapping.partitionTag ? `,partition=${partition}` : '')
    return {
      partition,
      tags,
      tagHash: spreadHash(hashText(tags)),
      source: hashText(`${partition} ${this.stream}`),
      number: numberOf(tags),
      head: undefined,
    }
  }

  #setTime(timestamp: number, partition: number): void {
    if (timestamp < 0) {
      throw new RecordError('RECORD_INVALID', 'the record has no timestamp', {
        hint: 'Set `time.field` to the part of the value that is the time.',
      })
    }
    checkMillisecond(timestamp)
    this.ms = timestamp
    this.ns = nanosecondOf(this.offset, partition, this.#mapping.identity)
  }

  #addHeaders(row: number): void {
    const headers = this.#batch.headers(row)
    let { tags } = this.#place!
    for (const name of this.#mapping.headerTags) {
      const value = headers.findLast((header) => header.key === name)?.value?.toString()
      if (value !== undefined && value !== '') tags += tagText(name, value, this.#mapping)
    }
    this.tags = tags
    this.tagHash = spreadHash(hashText(tags))
  }
}

/** `,name=value`, escaped. */
export function tagText(name: string, value: string, { api, replaceBackslash }: Mapping): string {
  const text = replaceBackslash ? value.replaceAll('\\', '/') : value
  return `,${escapeName(name, 'tag', api)}=${escapeTagValue(name, text, api)}`
}

/** 21 bits that have nothing to do with the hash of the tags. */
function numberOf(tags: string): number {
  return spreadHash(hashText(`place${tags}`)) >>> 11
}
