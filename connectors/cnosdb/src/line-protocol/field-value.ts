import { RecordError } from '@connect-run/core'
import type { FieldType } from '../sink-config.ts'
import { invalid, quoteString } from './text.ts'

/** Bits, so that the kinds which a column has in one request are a set. In the order in which they are sent where a request would have several. */
export const kinds = { double: 1, bigint: 2, unsigned: 4, boolean: 8, string: 16, tag: 32 } as const
export type Kind = (typeof kinds)[keyof typeof kinds]

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const UINT64_MAX = 2n ** 64n - 1n

/** A DOUBLE: the shortest digits that read back as the same number. The name is for messages. */
export function formatDouble(name: string, value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const text = String(value)
  if (value < 1e21 && value > -1e21) return text
  if (Number.isFinite(value)) return text.replace('e+', 'e')
  throw invalid(`the field \`${name}\` is ${text}, which is no number that can be stored`)
}

/** A 64-bit integer where the column is DOUBLE: only if nothing is lost. */
export function formatExactDouble(name: string, value: bigint): string {
  const near = Number(value)
  if (Number.isFinite(near) && BigInt(near) === value) return formatDouble(name, near)
  throw new RecordError('RECORD_INVALID', `the field \`${name}\` is ${shown(value)}, which a DOUBLE would round`, {
    hint: `Set \`fields.types: {${name}: bigint}\`, or \`double\` if rounding does not matter.`,
  })
}

/** A value in the type that the config declares for the column. */
export function formatAs(type: FieldType, name: string, value: number | bigint | boolean | string): string {
  switch (type) {
    case 'double':
      if (typeof value === 'number') return formatDouble(name, value)
      if (typeof value === 'bigint') return formatDouble(name, Number(value))
      break
    case 'bigint':
    case 'unsigned':
      if (typeof value === 'number' || typeof value === 'bigint') return formatInteger(type, name, value)
      break
    case 'boolean':
      if (typeof value === 'boolean') return value ? 'true' : 'false'
      break
    case 'string':
      return quoteString(name, String(value))
  }
  throw new RecordError('COLUMN_TYPE_CONFLICT', `the field \`${name}\` is a ${typeof value}, its column is ${type}`, {
    hint: 'Correct the producer, or change `fields.types`.',
  })
}

function formatInteger(type: 'bigint' | 'unsigned', name: string, value: number | bigint): string {
  if (typeof value === 'number' && !Number.isInteger(value)) {
    throw new RecordError('COLUMN_TYPE_CONFLICT', `the field \`${name}\` is ${value}, its column holds integers`, {
      hint: 'Correct the producer, or set its type in `fields.types` to double.',
    })
  }
  const integer = BigInt(value)
  const [least, greatest] = type === 'bigint' ? [INT64_MIN, INT64_MAX] : [0n, UINT64_MAX]
  if (integer < least || integer > greatest)
    throw invalid(`the field \`${name}\` is ${shown(integer)}, out of range for ${type}`)
  return `${integer}${type === 'bigint' ? 'i' : 'u'}`
}

function shown(value: bigint): string {
  const text = String(value)
  return text.length > 30 ? `${text.slice(0, 30)}…` : text
}

/** Whether the set has several kinds. */
export function isMixed(mask: number): boolean {
  return (mask & (mask - 1)) !== 0
}

export function kindName(mask: number): string {
  const found = Object.entries(kinds).filter(([, bit]) => (mask & bit) !== 0)
  return found.map(([name]) => name).join(' and ')
}
