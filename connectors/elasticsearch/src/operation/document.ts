import { type ConnectRecord, type JsonStyle, type RecordBatch, jsonText, valueAt } from '@connect-run/core'
import { type BodyBuilder, copyRange } from '@connect-run/http'
import type { Decimals, ElasticsearchSinkConfig } from '../sink-config.ts'
import { isoTime, isoTimes } from './iso-time.ts'
import { metadataText } from './metadata.ts'
import { RawObjects } from './raw-objects.ts'
import { invalid, notJson } from './refusals.ts'

const TIMESTAMP = '@timestamp'
const HINT = 'Set `dataStream.timestampField` to the field that is the time.'

type Config = Pick<ElasticsearchSinkConfig, 'dataStream' | 'decimals' | 'metadata' | 'pipeline'>

/** The document of each record: its value, with what is added to it. Every document is one line of JSON. */
export class Documents {
  readonly #style: JsonStyle
  readonly #metadata: string | undefined
  /** Whether a document gets the record's time where it has none of its own. */
  readonly #addsTime: boolean
  readonly #timePath: readonly string[] | undefined
  readonly #raw: RawObjects
  readonly #isoTime = isoTimes()
  #isRaw = false

  constructor({ dataStream, decimals, metadata, pipeline }: Config) {
    const path = dataStream?.timestampField?.split('.')
    this.#style = { decimals: styleOf(decimals), maps: 'entries' }
    this.#metadata = metadata
    this.#addsTime = dataStream !== undefined && path === undefined
    this.#timePath = path
    const added = [...(metadata === undefined ? [] : [metadata]), ...(this.#addsTime ? [TIMESTAMP] : [])]
    this.#raw = new RawObjects({ names: added, areParsed: pipeline !== undefined })
  }

  /** Whose rows come next. `checked`: bytes that are no UTF-8 are not taken as they are. */
  begin(batch: RecordBatch, checked: boolean): void {
    this.#isRaw = batch.sourceFormat === 'json' && this.#timePath === undefined
    if (this.#isRaw) this.#raw.begin(batch.packed, checked)
  }

  /** Writes the document: bytes of JSON as they are where that is sure to be one line, else the value's own JSON. */
  write(body: BodyBuilder, batch: RecordBatch, row: number): void {
    const raw = this.#raw
    if (!this.#isRaw || !raw.has(batch.packed, batch.packedRow(row))) {
      body.write(this.text(batch.at(row)))
      return
    }
    let { start } = raw
    if (this.#addsTime || this.#metadata !== undefined) {
      const added = this.#members(batch.at(row), this.#addsTime)
      body.write(raw.isEmpty ? `{${added}` : `{${added},`)
      start++
    }
    body.reserve(raw.end - start)
    body.length = copyRange(batch.packed.buffer, { start, end: raw.end }, body.bytes, body.length)
  }

  /** The document as text. Throws a `RecordError` for a value that is none. */
  text(record: ConnectRecord): string {
    const value = asObject(record.value)
    const metadata = this.#metadata
    if (metadata !== undefined && Object.hasOwn(value, metadata)) {
      throw invalid(`the document has a field \`${metadata}\` already`, 'Choose another name for `metadata`.')
    }
    if (this.#timePath === undefined) {
      return this.#join(this.#members(record, this.#addsTime && !Object.hasOwn(value, TIMESTAMP)), value)
    }
    const time = member(TIMESTAMP, timeAt(value, this.#timePath))
    const metadataMember = this.#members(record, false)
    return this.#join(metadataMember === '' ? time : `${time},${metadataMember}`, withoutTimestamp(value))
  }

  /** What is added to the document, without braces. */
  #members(record: ConnectRecord, withTime: boolean): string {
    const metadata = this.#metadata
    const time = withTime ? `"@timestamp":"${this.#recordTime(record)}"` : ''
    if (metadata === undefined) return time
    const about = member(metadata, metadataText(record))
    return time === '' ? about : `${time},${about}`
  }

  #recordTime({ timestamp }: ConnectRecord): string {
    if (timestamp !== undefined) return this.#isoTime(timestamp)
    throw invalid('a data stream needs `@timestamp`, and neither document nor record have a time', HINT)
  }

  #join(added: string, value: object): string {
    const text = this.#textOf(value)
    if (added === '') return text
    return text === '{}' ? `{${added}}` : `{${added},${text.slice(1)}`
  }

  #textOf(value: object): string {
    try {
      return jsonText(value, this.#style)
    } catch (error) {
      throw notJson('the value', error)
    }
  }
}

/** A Decimal that is mapped as `double` or `scaled_float` is a number with all its digits. */
function styleOf(decimals: Decimals): 'string' | 'number' {
  return decimals === 'string' ? 'string' : 'number'
}

function member(name: string, json: string): string {
  return `${JSON.stringify(name)}:${json}`
}

function asObject(value: unknown): object {
  if (typeof value === 'object' && value !== null) {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return value
  }
  throw invalid(`a document is an object, and the value is ${kindOf(value)}`, hintFor(value))
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return `a ${typeof value}`
  if (value instanceof Uint8Array) return 'bytes'
  return value instanceof Map ? 'a map whose keys are no texts' : 'none'
}

function hintFor(value: unknown): string {
  const isText = typeof value === 'string' || value instanceof Uint8Array
  return isText
    ? 'Set `value: json` at the source if it is JSON, or put it into a field with a transform.'
    : 'Make it an object with a transform.'
}

function timeAt(value: object, path: readonly string[]): string {
  const time = valueAt(value, path)
  if (typeof time === 'string') return JSON.stringify(time)
  if (time instanceof Date) return JSON.stringify(isoTime(time.getTime()))
  if (typeof time === 'bigint' || (typeof time === 'number' && Number.isFinite(time))) return String(time)
  throw invalid(`the document has no time in \`${path.join('.')}\``, HINT)
}

/** What was chosen as the time stands for the document's own. */
function withoutTimestamp(value: object): object {
  if (!Object.hasOwn(value, TIMESTAMP)) return value
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== TIMESTAMP))
}
