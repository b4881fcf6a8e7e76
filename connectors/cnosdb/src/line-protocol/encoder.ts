import {
  type PackedRecords,
  type RecordBatch,
  RecordError,
  type RowFailure,
  isRecordError,
  valueAt,
} from '@connect-run/core'
import { BodyBuilder, writeFragment } from '@connect-run/http'
import { CollisionWindow } from '../collision-window.ts'
import type { Mapping } from '../mapping.ts'
import { type NodeBudget, type Progress, Table } from './columns.ts'
import { isMixed } from './field-value.ts'
import { JsonTranscoder } from './json-transcoder.ts'
import { Origin, tagText } from './origin.ts'
import { PointWriter, isPlain } from './point-writer.ts'
import { invalid } from './text.ts'

/** Tables with names from values: what was learned of more than this is forgotten, to bound memory. */
const MAX_TABLES = 1000
/** And so with columns. */
const MAX_NODES = 50_000

/** A body is a little longer than the one before, at times; rather that than to copy it. */
const HEADROOM = 1.1

const SPACE = 0x20
const LINE_FEED = 0x0a

/** The body of one request, and what became of its rows. */
export interface Encoded {
  readonly body: Buffer
  /** The rows that are in `body`, in order. */
  readonly rows: readonly number[]
  /** The rows that can't be stored. */
  readonly failures: readonly RowFailure[]
  /** Names of the columns that have several types; the server would refuse the request. */
  readonly mixedColumns: readonly string[]
  /** Whether the points go to several tables. */
  readonly severalTables: boolean
}

/** What a row has of one column. */
export interface ColumnUse {
  readonly table: string
  /** Set of `kinds`; 0 where the row does not have the column. */
  readonly kinds: number
}

/**
 * Line protocol from records. It remembers columns by table and shape, so that a record costs its digits and little
 * else, and the identities of recent points, so that no two records become one.
 */
export class LineEncoder {
  readonly #mapping: Mapping
  readonly #origin: Origin
  readonly #writer: PointWriter
  readonly #transcoder: JsonTranscoder | undefined
  /** None where times are the user's: then the last write to a time wins. */
  readonly #window: CollisionWindow | undefined
  readonly #progress: Progress = { request: 0, point: 0, mixed: false }
  readonly #tables = new Map<string, Table>()
  readonly #budget: NodeBudget = { nodes: 0 }
  #table: Table | undefined
  #headTable: Table | undefined
  #headTags = ''
  #lastHead = ''
  #tablesInRequest = 0
  #bytesPerRow = 0

  /** `transcode`: whether flat JSON objects may become points without being parsed; the points are the same. */
  constructor(mapping: Mapping, { transcode = true }: { readonly transcode?: boolean } = {}) {
    const { staticTags, isTag } = mapping
    const overridable = Object.entries(staticTags)
      .filter(([name]) => isTag(name))
      .map(([name, value]) => ({ name, text: tagText(name, value, mapping) }))
    this.#mapping = mapping
    this.#origin = new Origin(mapping, new Set(overridable.map(({ name }) => name)))
    this.#writer = new PointWriter(mapping, overridable, this.#progress)
    this.#transcoder = transcode ? JsonTranscoder.for(mapping, overridable, this.#progress) : undefined
    this.#window = mapping.timeField === undefined ? new CollisionWindow() : undefined
  }

  /** Encodes some rows of the batch, or all of them. */
  encode(batch: RecordBatch, rows?: readonly number[]): Encoded {
    const count = rows === undefined ? batch.length : rows.length
    const written: number[] = []
    const failures: RowFailure[] = []
    const body = new BodyBuilder(Math.ceil(count * this.#bytesPerRow * HEADROOM))
    const transcoder = batch.sourceFormat === 'json' ? this.#transcoder : undefined
    this.#begin(batch, count)
    for (let i = 0; i < count; i++) {
      const row = rows === undefined ? i : rows[i]!
      try {
        if (transcoder === undefined || !this.#transcode(transcoder, batch, row, body))
          body.append(this.#row(batch, row))
        written.push(row)
      } catch (error) {
        if (!isRecordError(error)) throw error
        failures.push({ row, error })
      }
    }
    return this.#encoded(body.finish(), written, failures)
  }

  /** What a row has of a column; for the rare request that the server refuses for one. */
  columnOf(batch: RecordBatch, row: number, column: string): ColumnUse {
    this.encode(batch, [row])
    const slot = this.#table?.slots.get(column)
    const kinds = slot?.request === this.#progress.request ? slot.kinds : 0
    return { table: this.#table?.name ?? '', kinds }
  }

  #begin(batch: RecordBatch, count: number): void {
    this.#progress.request++
    this.#progress.mixed = false
    this.#origin.begin(batch)
    this.#window?.reserve(count)
    this.#tablesInRequest = 0
    if (this.#tables.size > MAX_TABLES || this.#budget.nodes > MAX_NODES) this.#forget()
  }

  #encoded(body: Buffer, rows: readonly number[], failures: readonly RowFailure[]): Encoded {
    if (rows.length > 0) this.#bytesPerRow = body.length / rows.length
    const mixedColumns = this.#progress.mixed ? this.#mixedColumns() : []
    return { body, rows, failures, mixedColumns, severalTables: this.#tablesInRequest > 1 }
  }

  /** Writes the row's point straight from its bytes; false, without a trace, where that is left to {@link #row}. */
  #transcode(transcoder: JsonTranscoder, batch: RecordBatch, row: number, body: BodyBuilder): boolean {
    const { packed } = batch
    const packedRow = batch.packedRow(row)
    const table = this.#knownTable(packed, packedRow)
    if (table === undefined || !transcoder.read(table, packed, packedRow)) return false
    this.#origin.moveTo(row, packedRow)
    this.#use(table)
    transcoder.note()
    const head = this.#origin.head(table.head)
    body.reserve(head.length + transcoder.size)
    const { bytes } = body
    let at = transcoder.writeTags(body, writeFragment(head, body.view, body.length))
    if (this.#window !== undefined) this.#claim(this.#window, table, transcoder.tagHash)
    bytes[at++] = SPACE
    at = transcoder.writeFields(body, at)
    bytes[at++] = SPACE
    at = this.#window === undefined ? transcoder.writeTime(body, at) : this.#origin.writeTime(bytes, at)
    bytes[at++] = LINE_FEED
    body.length = at
    return true
  }

  /** The table of the row's points, if there have been any. */
  #knownTable({ stream, streams }: PackedRecords, row: number): Table | undefined {
    const { table } = this.#mapping
    const name = table.fixed ?? table.render(streams[stream[row]!]!, undefined)
    if (this.#table?.name !== name) this.#table = this.#tables.get(name)
    return this.#table
  }

  #row(batch: RecordBatch, row: number): string {
    const { root } = this.#mapping
    const value = batch.value(row)
    this.#origin.moveTo(row, batch.packedRow(row))
    const point = root === undefined ? value : valueAt(value, root)
    return Array.isArray(point) ? this.#points(point, batch.index(row)) : this.#point(point, indexOf(batch.index(row)))
  }

  /** One point for each element. A tag tells them apart where their identity would not. */
  #points(elements: readonly unknown[], recordIndex: number): string {
    if (elements.length === 0) throw invalid('the value is an empty array: there is nothing to store')
    const isOwnTime = this.#window !== undefined
    const always = isOwnTime && (this.#mapping.identity === 'partition-tag' || recordIndex > 0)
    const seen = new Set<string>()
    let lines = ''
    for (let i = 0; i < elements.length; i++) {
      const index = recordIndex === 0 ? indexOf(i) : `${recordIndex}.${i}`
      lines += this.#point(elements[i], index, always ? undefined : seen)
    }
    return lines
  }

  /** `seen`: the identities so far, where only points that have one of them get the index. */
  #point(value: unknown, index: string, seen?: Set<string>): string {
    const writer = this.#writer
    const table = this.#tableFor(value)
    writer.write(table, asPoint(value))
    const time = this.#window === undefined ? writer.userTime() : this.#origin.time()
    const taken =
      seen === undefined ? this.#window !== undefined : isTaken(seen, { table, tagHash: writer.tagHash, time })
    if (taken && index !== '') writer.addIndex(index)
    if (this.#window !== undefined) this.#claim(this.#window, table, writer.tagHash)
    return `${this.#head(table)} ${writer.fields} ${time}\n`
  }

  /** Table and tags. Most points have those of the point before. */
  #head(table: Table): string {
    const { tags } = this.#origin
    if (table !== this.#headTable || tags !== this.#headTags) {
      this.#headTable = table
      this.#headTags = tags
      this.#lastHead = table.head + tags
    }
    return this.#writer.tags === '' ? this.#lastHead : this.#lastHead + this.#writer.tags
  }

  #claim(window: CollisionWindow, table: Table, tagHash: number): void {
    const origin = this.#origin
    origin.series = (table.hash + origin.tagHash + tagHash) | 0
    if (window.claim(origin)) return
    throw new RecordError(
      'RECORD_COLLISION',
      `another record has the same table, tags and time as offset ${origin.offset}`,
      { hint: 'More records have one millisecond than there are nanoseconds in it: add a tag, or set `time.field`.' },
    )
  }

  #tableFor(value: unknown): Table {
    const { table } = this.#mapping
    const name = table.fixed ?? table.render(this.#origin.stream, value)
    if (this.#table?.name !== name) this.#table = this.#tables.get(name) ?? this.#newTable(name)
    this.#use(this.#table)
    return this.#table
  }

  #use(table: Table): void {
    if (table.request === this.#progress.request) return
    table.request = this.#progress.request
    this.#tablesInRequest++
  }

  #newTable(name: string): Table {
    const table = new Table(name, this.#mapping, this.#budget)
    this.#tables.set(name, table)
    return table
  }

  #mixedColumns(): string[] {
    const names = new Set<string>()
    for (const table of this.#tables.values()) {
      for (const slot of table.slots.values()) {
        if (slot.request === this.#progress.request && isMixed(slot.kinds)) names.add(slot.name)
      }
    }
    return [...names]
  }

  #forget(): void {
    this.#tables.clear()
    this.#table = undefined
    this.#budget.nodes = 0
  }
}

function indexOf(index: number): string {
  return index === 0 ? '' : String(index)
}

function asPoint(value: unknown): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && isPlain(value)) return value
  const what =
    value === undefined || value === null ? 'nothing' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
  throw invalid(`a point needs an object, and this is ${what}`, 'object')
}

/** Adds the point to those of its record; true if one of them has its table, tags and time. */
function isTaken(
  seen: Set<string>,
  { table, tagHash, time }: { table: Table; tagHash: number; time: string },
): boolean {
  const identity = `${tagHash} ${time} ${table.name}`
  if (seen.has(identity)) return true
  seen.add(identity)
  return false
}
