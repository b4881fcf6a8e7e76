import { isUtf8 } from 'node:buffer'
import { type ConnectRecord, type RecordBatch, type RowFailure, isRecordError } from '@connect-run/core'
import { BodyBuilder } from '@connect-run/http'
import type { ElasticsearchSinkConfig, Tombstones } from '../sink-config.ts'
import { ActionLines } from './action-lines.ts'
import { actionOf, idsRepeat, tombstonesOf } from './choices.ts'
import { CoordinateLines } from './coordinate-lines.ts'
import { MOST_LEVELS, isTooDeep } from './depth.ts'
import { Documents } from './document.ts'
import { IndexNames } from './index-name.ts'
import { invalid } from './refusals.ts'
import { type UpdateBody, compileUpdate } from './update-body.ts'

export type Action = 'index' | 'create' | 'update' | 'delete'

/** NDJSON of several operations, one for each of `rows`, in order. Columns, since there are many. */
export interface Operations {
  readonly body: Buffer
  /** Row of the batch that operation i writes. */
  readonly rows: readonly number[]
  /** Where operation i ends in `body` (its first byte is the end of i - 1, or 0). */
  readonly ends: readonly number[]
  readonly actions: readonly Action[]
  /** What operation i must not be in flight beside: index and id as one text; null where ids can't repeat (coordinates, auto). */
  readonly guards: readonly string[] | null
  /** Index (or data stream) names of this batch, without repeats: what must exist. */
  readonly indices: readonly string[]
  /** Rows that can't be written, with RecordErrors; rows that are skipped (tombstones) are in neither list: they are done. */
  readonly failures: readonly RowFailure[]
}

/** Operations as they are made. */
interface Draft {
  readonly body: BodyBuilder
  readonly rows: number[]
  readonly ends: number[]
  readonly actions: Action[]
  readonly guards: string[] | null
  readonly indices: Set<string>
  readonly failures: RowFailure[]
  lastIndex: string | undefined
}

const LINE_FEED = 0x0a
/** A body is likely to be as long as the one before, and some more. */
const HEADROOM = 1.1

/** Makes the operations of batches. */
export class OperationEncoder {
  readonly #action: Action
  readonly #tombstones: Tombstones
  readonly #guarded: boolean
  readonly #lines: ActionLines
  /** Where all that a line has of its record are coordinates. */
  readonly #coordinateLines: CoordinateLines | undefined
  readonly #documents: Documents
  readonly #update: UpdateBody | undefined
  #bytesPerRow = 0

  constructor(config: ElasticsearchSinkConfig) {
    const names = new IndexNames(config)
    this.#action = actionOf(config)
    this.#tombstones = tombstonesOf(config)
    this.#guarded = idsRepeat(config)
    this.#lines = new ActionLines(config, names)
    this.#documents = new Documents(config)
    this.#update = this.#action === 'update' ? compileUpdate(config.update ?? {}) : undefined
    const plain = config.id === 'coordinates' && config.version === 'none' && config.routing === undefined
    const prefix = this.#lines.prefixOf(this.#action)
    this.#coordinateLines = plain && !names.varies ? new CoordinateLines(names, prefix) : undefined
  }

  encode(batch: RecordBatch): Operations {
    const operations = this.#encode(batch, false)
    // What was taken without parsing may be no UTF-8, which the whole body tells in no time.
    return isUtf8(operations.body) ? operations : this.#encode(batch, true)
  }

  #encode(batch: RecordBatch, checked: boolean): Operations {
    const draft: Draft = {
      body: new BodyBuilder(Math.ceil(batch.length * this.#bytesPerRow * HEADROOM)),
      rows: [],
      ends: [],
      actions: [],
      guards: this.#guarded ? [] : null,
      indices: new Set(),
      failures: [],
      lastIndex: undefined,
    }
    this.#documents.begin(batch, checked)
    this.#coordinateLines?.begin(batch)
    for (let row = 0; row < batch.length; row++) this.#add(draft, batch, row)
    const { rows, ends, actions, guards, failures } = draft
    const body = draft.body.finish()
    if (rows.length > 0) this.#bytesPerRow = body.length / rows.length
    return { body, rows, ends, actions, guards, indices: [...draft.indices], failures }
  }

  #add(draft: Draft, batch: RecordBatch, row: number): void {
    const { body } = draft
    const start = body.length
    try {
      const action = batch.isTombstone(row) ? this.#ofTombstone() : this.#action
      if (action === undefined) return
      const index = this.#write(draft, action, batch, row)
      if (index !== draft.lastIndex) draft.indices.add((draft.lastIndex = index))
      draft.rows.push(row)
      draft.ends.push(body.length)
      draft.actions.push(action)
    } catch (error) {
      body.length = start
      if (!isRecordError(error)) throw error
      draft.failures.push({ row, error })
    }
  }

  /** Undefined: nothing. */
  #ofTombstone(): Action | undefined {
    if (this.#tombstones === 'delete') return 'delete'
    if (this.#tombstones === 'skip') return undefined
    throw invalid('the record has no value', 'Set `tombstones` to `delete` or `skip`.')
  }

  /** Writes the lines of an operation; returns its index. */
  #write(draft: Draft, action: Action, batch: RecordBatch, row: number): string {
    const { body } = draft
    if (this.#coordinateLines !== undefined && action === this.#action) {
      const index = this.#coordinateLines.write(body, batch, row)
      this.#writeSource(body, action, batch, row)
      return index
    }
    const record = batch.at(row)
    const { index, id, text } = this.#lines.of(action, record)
    body.write(text)
    this.#writeSource(body, action, batch, row)
    draft.guards?.push(`${index}\0${id ?? ''}`)
    return index
  }

  #writeSource(body: BodyBuilder, action: Action, batch: RecordBatch, row: number): void {
    if (action === 'delete') return
    const start = body.length
    if (this.#update === undefined) this.#documents.write(body, batch, row)
    else body.write(this.#updateOf(this.#update, batch.at(row)))
    if (isTooDeep(body.bytes, start, body.length)) throw tooDeep()
    body.reserve(1)
    body.bytes[body.length++] = LINE_FEED
  }

  #updateOf(update: UpdateBody, record: ConnectRecord): string {
    return update.text(record, update.hasDocument ? this.#documents.text(record) : '')
  }
}

function tooDeep(): Error {
  const message = `the document has more than ${MOST_LEVELS} levels of objects and arrays, which can end a node of the cluster`
  return invalid(message, 'Correct the producer, or put the deep part into a text with a transform.')
}
