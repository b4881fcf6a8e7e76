import { ConnectError, type RecordBatch, RecordError, type RowFailure } from '@connect-run/core'
import type { Verdict } from './error-map.ts'
import type { Encoded, LineEncoder } from './line-protocol/encoder.ts'
import { isMixed, kindName } from './line-protocol/field-value.ts'

type Rows = readonly number[]
type Conflict = Extract<Verdict, { kind: 'conflict' }>

/** Rows to be sent as requests of their own, in this order, and rows that can't be stored. */
export interface Split {
  readonly groups: readonly Rows[]
  readonly failures: readonly RowFailure[]
}

interface Request {
  readonly batch: RecordBatch
  readonly encoded: Encoded
}

/**
 * Splits rows whose columns have several types, which the server would refuse as a whole. Numbers go first, so that
 * a stray text does not decide the type of a new column; the server then judges the rest by name. Undefined where
 * the rows that are left do not differ after all.
 */
export function splitByKinds(encoder: LineEncoder, { batch, encoded }: Request): Split | undefined {
  for (const column of encoded.mixedColumns) {
    const byKind = new Map<number, number[]>()
    const failures: RowFailure[] = []
    for (const row of encoded.rows) {
      const { kinds } = encoder.columnOf(batch, row, column)
      if (isMixed(kinds)) failures.push({ row, error: severalTypes(column, kinds) })
      else addTo(byKind, kinds, row)
    }
    const groups = inOrder(byKind)
    if (groups.length > 1 || failures.length > 0) return { groups, failures }
  }
  return undefined
}

/** Rows without the column go with the first of the others. */
function inOrder(byKind: Map<number, number[]>): number[][] {
  const [first = [], ...others] = [...byKind].filter(([kind]) => kind !== 0).sort(([a], [b]) => a - b)
  const neutral = byKind.get(0) ?? []
  const [, rows = []] = first
  const together = [...neutral, ...rows].sort((a, b) => a - b)
  return [together, ...others.map(([, group]) => group)].filter((group) => group.length > 0)
}

function severalTypes(column: string, kinds: number): RecordError {
  return new RecordError('COLUMN_TYPE_CONFLICT', `the column \`${column}\` is ${kindName(kinds)} within one record`, {
    hint: 'Give the column one type with `fields.types`, or leave it out with `fields.exclude`.',
  })
}

/** Tells the rows that the server's answer is about from those that it would take. */
export function splitByConflict(encoder: LineEncoder, request: Request, conflict: Conflict): Split {
  const { batch, encoded } = request
  const { column, stored, error } = conflict
  const { rows } = encoded
  if (rows.length === 1) return { groups: [], failures: [{ row: rows[0]!, error }] }
  if (encoded.severalTables) {
    const groups = byTable(encoder, request)
    if (groups.length > 1) return { groups, failures: [] }
  }
  const kinds = rows.map((row) => encoder.columnOf(batch, row, column).kinds)
  if (kinds.every((kind) => kind === 0)) throw addedTagConflict(conflict)
  const differs = kinds.map((kind) => (stored === undefined ? kind !== 0 : (kind & ~stored) !== 0))
  if (!differs.includes(true)) throw error
  const rest = rows.filter((_, i) => !differs[i])
  const failures = rows.filter((_, i) => differs[i]).map((row) => ({ row, error }))
  return { groups: rest.length === 0 ? [] : [rest], failures }
}

function byTable(encoder: LineEncoder, { batch, encoded }: Request): number[][] {
  const groups = new Map<string, number[]>()
  for (const row of encoded.rows) addTo(groups, encoder.columnOf(batch, row, '').table, row)
  return [...groups.values()]
}

/** A tag that every point gets is a field of the table: no record can ever be written so. */
function addedTagConflict({ column, error }: Conflict): ConnectError {
  return new ConnectError('REQUEST_REJECTED', error.message, {
    hint: `\`${column}\` is a tag that the sink adds: change \`tags\`, or write to another table.`,
  })
}

function addTo<Key>(groups: Map<Key, number[]>, key: Key, row: number): void {
  const group = groups.get(key)
  if (group === undefined) groups.set(key, [row])
  else group.push(row)
}
