import type { Rule } from '../api/config-schema.ts'
import type { Transform, TransformFunction, TransformResult } from '../api/transform.ts'
import { recordErrorOf } from './change-values.ts'
import { getField, parseFieldPath } from './field-path.ts'

export interface FilterConfig {
  readonly field: string
  readonly op: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte' | 'in' | 'matches' | 'exists'
  readonly value?: unknown
  readonly nulls: 'keep' | 'drop'
}

type Op = FilterConfig['op']

/** What holds for `value` with one of these operators. */
function valueFor(ops: readonly Op[], rule: object, errorMessage: string): Rule {
  const others = { not: { properties: { op: { enum: ops } }, required: ['op'] } }
  return { anyOf: [others, rule], errorMessage }
}

function valueOf(schema: object): object {
  return { properties: { value: schema } }
}

/** Keeps the records whose field compares as asked. */
export const filter: Transform<FilterConfig> = {
  name: 'filter',
  description: 'Keeps the records whose field compares as asked, and drops the others on purpose.',
  config: {
    type: 'object',
    properties: {
      field: {
        type: 'string',
        minLength: 1,
        description: 'Path of the field: dots lead into nested objects, a name with a dot stands in backticks.',
        examples: ['pressure', 'meta.site'],
      },
      op: {
        type: 'string',
        enum: ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'matches', 'exists'],
        default: 'eq',
        description:
          'How the field is compared with `value`. Numbers compare with numbers and texts (by code point) with texts; ' +
          'a field of another type, a missing one and null match nothing, not even `ne`. ' +
          '`matches` finds a regular expression in a text.',
      },
      value: {
        anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }, { type: 'array', items: {} }],
        description: 'What to compare with: a list for `in`; for `exists` leave it out, or false for "does not exist".',
      },
      nulls: {
        type: 'string',
        enum: ['keep', 'drop'],
        default: 'keep',
        description: 'What happens to records without a value (tombstones).',
      },
    },
    required: ['field'],
    allOf: [
      valueFor(['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'matches'], { required: ['value'] }, '`value` is missing'),
      valueFor(
        ['gt', 'gte', 'lt', 'lte'],
        valueOf({ type: ['number', 'string'] }),
        '`value` must be a number or a text',
      ),
      valueFor(['in'], valueOf({ type: 'array' }), '`value` must be a list with `op: in`'),
      valueFor(
        ['matches'],
        valueOf({ type: 'string', format: 'regex' }),
        '`value` must be a regular expression with `op: matches`',
      ),
      valueFor(['exists'], valueOf({ type: 'boolean' }), '`value` may only be true or false with `op: exists`'),
    ],
  },
  effects: { readsValues: true, changesValues: false, drops: true, splits: false },
  create: createFilter,
}

function createFilter(config: FilterConfig): TransformFunction {
  const path = parseFieldPath(config.field)
  const test = predicates[config.op](config.value)
  const keepNulls = config.nulls === 'keep'
  return (batch) => {
    const rows: number[] = []
    const failures: { row: number; error: ReturnType<typeof recordErrorOf> }[] = []
    for (let row = 0; row < batch.length; row++) {
      try {
        const keep = batch.isTombstone(row) ? keepNulls : test(getField(batch.value(row), path))
        if (keep) rows.push(row)
      } catch (error) {
        failures.push({ row, error: recordErrorOf(error) })
      }
    }
    const kept = rows.length === batch.length ? batch : batch.select(rows)
    return failures.length === 0 ? { batch: kept } : ({ batch: kept, failures } satisfies TransformResult)
  }
}

type Predicate = (field: unknown) => boolean

const predicates: Readonly<Record<Op, (value: unknown) => Predicate>> = {
  eq: (value) => (field) => isSame(field, value),
  ne: (value) => (field) => isPresent(field) && !isSame(field, value),
  gt: (value) => ordered(value, (field, bound) => field > bound),
  gte: (value) => ordered(value, (field, bound) => field >= bound),
  lt: (value) => ordered(value, (field, bound) => field < bound),
  lte: (value) => ordered(value, (field, bound) => field <= bound),
  in: (value) => (field) => (value as readonly unknown[]).some((one) => isSame(field, one)),
  matches: (value) => {
    const pattern = new RegExp(value as string, 'u')
    return (field) => typeof field === 'string' && pattern.test(field)
  },
  exists: (value) => (value === false ? (field) => !isPresent(field) : isPresent),
}

function isPresent(field: unknown): boolean {
  return field !== undefined && field !== null
}

function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function isSame(field: unknown, value: unknown): boolean {
  // oxlint-disable-next-line eqeqeq -- a bigint equals a number only so
  return isNumeric(field) && isNumeric(value) ? field == value : field === value
}

function ordered(
  value: unknown,
  compare: (field: number | bigint | string, bound: number | string) => boolean,
): Predicate {
  if (typeof value === 'number') return (field) => isNumeric(field) && compare(field, value)
  if (typeof value === 'string') return (field) => typeof field === 'string' && compare(field, value)
  return () => false
}
