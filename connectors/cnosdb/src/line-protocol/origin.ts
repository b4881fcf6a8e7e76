import { type RecordBatch, RecordError } from '@connect-run/core'
import { hashText } from '../collision-window.ts'
import type { Mapping } from '../mapping.ts'
import { joinTime, millisecondDigits, nanosecondOf } from './point-time.ts'
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
}

/**
 * What the points of one record have from the record itself: time and added tags. Moved from row to row; what stays
 * the same from one row to the next (partition, millisecond) is not made again.
 */
export class Origin {
  stream = ''
  offset = 0
  ms = 0
  ns = 0
  /** Nanoseconds since 1970; empty where the time is in the value. */
  time = ''
  tags = ''
  tagHash = 0
  source = 0
  readonly #mapping: Mapping
  readonly #constantTags: string
  readonly #streams = new Map<string, Place[]>()
  #places: Place[] = []
  #place: Place | undefined
  #timestamp = -1
  #millisecondPart = ''

  /** `overridable`: static tags that a value may replace; they are not among the constant ones. */
  constructor(mapping: Mapping, overridable: ReadonlySet<string>) {
    this.#mapping = mapping
    this.#constantTags = Object.entries(mapping.staticTags)
      .filter(([name]) => !overridable.has(name))
      .map(([name, value]) => tagText(name, value, mapping))
      .join('')
  }

  moveTo(batch: RecordBatch, row: number): void {
    const partition = batch.partition(row)
    const stream = batch.stream(row)
    if (stream !== this.stream || this.#place === undefined) this.#enter(stream)
    if (this.#place?.partition !== partition) this.#goTo(partition)
    this.offset = batch.offset(row)
    if (this.#mapping.timeField === undefined) this.#setTime(batch.timestamp(row), partition)
    if (this.#mapping.headerTags.length > 0) this.#addHeaders(batch, row)
  }

  #enter(stream: string): void {
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
  }

  #newPlace(partition: number): Place {
    const mapping = this.#mapping
    const topic = mapping.topicTag ? tagText('topic', this.stream, mapping) : ''
    const tags = this.#constantTags + topic + (mapping.partitionTag ? `,partition=${partition}` : '')
    return { partition, tags, tagHash: hashText(tags), source: hashText(`${partition} ${this.stream}`) }
  }

  #setTime(timestamp: number | undefined, partition: number): void {
    if (timestamp === undefined) {
      throw new RecordError('RECORD_INVALID', 'the record has no timestamp', {
        hint: 'Set `time.field` to the part of the value that is the time.',
      })
    }
    if (timestamp !== this.#timestamp) {
      this.#millisecondPart = millisecondDigits(timestamp)
      this.#timestamp = timestamp
    }
    this.ms = timestamp
    this.ns = nanosecondOf(this.offset, partition, this.#mapping.identity)
    this.time = joinTime(this.#millisecondPart, this.ns)
  }

  #addHeaders(batch: RecordBatch, row: number): void {
    const headers = batch.headers(row)
    let { tags } = this.#place!
    for (const name of this.#mapping.headerTags) {
      const value = headers.findLast((header) => header.key === name)?.value?.toString()
      if (value !== undefined && value !== '') tags += tagText(name, value, this.#mapping)
    }
    this.tags = tags
    this.tagHash = hashText(tags)
  }
}

/** `,name=value`, escaped. */
export function tagText(name: string, value: string, { api, replaceBackslash }: Mapping): string {
  const text = replaceBackslash ? value.replaceAll('\\', '/') : value
  return `,${escapeName(name, 'tag', api)}=${escapeTagValue(name, text, api)}`
}
