import { type ConnectRecord, type PackedRecords, type RecordBatch } from '@connect-run/core'
import { type BodyBuilder, type Fragment, fragment, writeFragment } from '@connect-run/http'
import { writeDigits } from './digits.ts'
import { MAX_ID_BYTES, coordinatesId } from './document-id.ts'
import type { IndexNames } from './index-name.ts'
import { invalid, shown } from './refusals.ts'

/** What is known of more streams than this is forgotten, to bound memory. */
const MAX_STREAMS = 1000
const HOUR = 3_600_000
const PLUS = 0x2b
const HYPHEN = 0x2d
const POINT = 0x2e
/** Digits of offset, index and time, and what stands between them. */
const MOST_DIGITS = 16 + 1 + 10 + 1 + 19

/** A partition of a stream in one hour, as the action lines of its records show it. */
interface Place {
  /** 0 where it makes no difference. */
  readonly hour: number
  readonly index: string
  /** The line up to the offset. */
  readonly head: Fragment
  /** Bytes that the id may still have. */
  readonly room: number
}

/**
 * Action lines of records whose id is their coordinates and whose index is a matter of topic and hour: made once for
 * a partition, and then only digits for each record.
 */
export class CoordinateLines {
  readonly #names: IndexNames
  readonly #prefix: (index: string) => string
  readonly #tail: Fragment
  readonly #streams = new Map<string, Place[]>()
  #packed!: PackedRecords
  #stream = -1
  #places: Place[] = []

  /** `prefix`: the line up to and without `_id`, given its index. */
  constructor(names: IndexNames, prefix: (index: string) => string) {
    this.#names = names
    this.#prefix = prefix
    this.#tail = fragment('"}}\n')
  }

  begin({ packed }: RecordBatch): void {
    this.#packed = packed
    this.#stream = -1
  }

  /** Writes the line of a row; returns its index. Throws a `RecordError` for a record that has none, or no id. */
  write(body: BodyBuilder, batch: RecordBatch, row: number): string {
    const packed = this.#packed
    const packedRow = batch.packedRow(row)
    const time = packed.timestamp[packedRow]!
    const { head, room, index } = this.#placeOf(batch, row, packedRow)
    body.reserve(head.length + MOST_DIGITS + this.#tail.length)
    const { bytes } = body
    const start = writeFragment(head, body.view, body.length)
    let at = writeDigits(packed.offset[packedRow]!, bytes, start)
    if (batch.index(row) > 0) {
      bytes[at++] = POINT
      at = writeDigits(batch.index(row), bytes, at)
    }
    bytes[at++] = PLUS
    if (time < 0) bytes[at++] = HYPHEN
    else if (time > Number.MAX_SAFE_INTEGER) at += bytes.write(String(time), at, 'latin1')
    else at = writeDigits(time, bytes, at)
    if (at - start > room) throw tooLong(batch.at(row))
    body.length = writeFragment(this.#tail, body.view, at)
    return index
  }

  #placeOf(batch: RecordBatch, row: number, packedRow: number): Place {
    const packed = this.#packed
    const stream = packed.stream[packedRow]!
    if (stream !== this.#stream) this.#enter(packed.streams[stream]!)
    this.#stream = stream
    const partition = packed.partition[packedRow]!
    const hour = this.#names.isTimed ? Math.floor(packed.timestamp[packedRow]! / HOUR) : 0
    const place = this.#places[partition]
    if (place !== undefined && place.hour === hour) return place
    return (this.#places[partition] = this.#newPlace(batch.at(row), hour))
  }

  #enter(stream: string): void {
    const known = this.#streams.get(stream)
    this.#places = known ?? []
    if (known !== undefined) return
    if (this.#streams.size === MAX_STREAMS) this.#streams.clear()
    this.#streams.set(stream, this.#places)
  }

  #newPlace(record: ConnectRecord, hour: number): Place {
    const { stream, partition } = record
    const index = this.#names.of(record)
    const idHead = `${stream}+${partition}+`
    const head = fragment(`${this.#prefix(index)},"_id":${JSON.stringify(idHead).slice(0, -1)}`)
    return { hour, index, head, room: MAX_ID_BYTES - Buffer.byteLength(idHead) }
  }
}

function tooLong(record: ConnectRecord): Error {
  const id = coordinatesId(record)
  const size = Buffer.byteLength(id)
  return invalid(
    `the id \`${shown(id)}\` has ${size} bytes, and an id has ${MAX_ID_BYTES} at most`,
    'Set `id: key`, or a template.',
  )
}
