import type { TimeUnit } from '../sink-config.ts'
import { invalid } from './text.ts'

/** Three digits, so that six are put together from two parts without arithmetic on text. */
const triples: readonly string[] = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, '0'))

/** What distinguishes points of one millisecond. */
const NANOSECONDS = 1_000_000
/** The last whole millisecond of a signed 64-bit count of nanoseconds. */
const LAST_MS = 9_223_372_036_853
const LAST_NS = 2n ** 63n - 2n
const MAX_PARTITIONS_TELEGRAF = 64

/** The nanoseconds within the millisecond: the offset, or offset and partition where no tag tells partitions apart. */
export function nanosecondOf(offset: number, partition: number, identity: 'partition-tag' | 'telegraf'): number {
  if (identity === 'partition-tag') return offset % NANOSECONDS
  // offset × 64 may leave the exact integers; the remainder is the same without it, since 10^6 = 64 × 15,625.
  return ((offset % 15_625) * MAX_PARTITIONS_TELEGRAF + partition) % NANOSECONDS
}

/** Milliseconds as the beginning of a time in nanoseconds; empty for 1970's first. */
export function millisecondDigits(ms: number): string {
  if (ms > LAST_MS) throw invalid(`the timestamp ${ms} ms is out of range`)
  return ms === 0 ? '' : String(ms)
}

/** Milliseconds and nanoseconds as one number, joined as digits: the sum would not be exact. */
export function joinTime(millisecondPart: string, nanosecond: number): string {
  if (millisecondPart === '') return String(nanosecond)
  return millisecondPart + triples[(nanosecond / 1000) | 0]! + triples[nanosecond % 1000]!
}

const fractionDigits: Readonly<Record<TimeUnit, number>> = { s: 9, ms: 6, us: 3, ns: 0 }

/** A count since 1970 as nanoseconds, exact in all digits that are written; what is below a nanosecond is cut. */
export function timeFromCount(name: string, value: unknown, unit: TimeUnit): string {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value
  const match = typeof text === 'string' ? /^(-?)(\d{1,30})(?:\.(\d+))?$/.exec(text.trim()) : null
  if (match === null) throw badTime(name, value, `a number of ${unit}`)
  const [, sign = '', whole = '', fraction = ''] = match
  const digits = fractionDigits[unit]
  return checkedTime(name, BigInt(sign + whole + fraction.slice(0, digits).padEnd(digits, '0')))
}

const rfc3339 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|z|[+-]\d\d:\d\d)$/

/** A date and time with zone as nanoseconds since 1970. */
export function timeFromRfc3339(name: string, value: unknown): string {
  const match = typeof value === 'string' ? rfc3339.exec(value.trim()) : null
  if (match === null) throw badTime(name, value, 'a time like 2024-05-01T12:00:00Z')
  const [, date = '', time = '', fraction = '', zone = ''] = match
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase()}`)
  // Date.parse lets the 31st of April be the 1st of May.
  const day = Number(date.slice(8))
  const lastDay = new Date(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0)).getUTCDate()
  if (Number.isNaN(ms) || day > lastDay) throw badTime(name, value, 'a time that exists')
  return checkedTime(name, BigInt(ms) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0')))
}

function checkedTime(name: string, nanoseconds: bigint): string {
  if (nanoseconds > LAST_NS || nanoseconds < -LAST_NS) throw invalid(`the time in \`${name}\` is out of range`)
  return String(nanoseconds)
}

function badTime(name: string, value: unknown, expected: string): Error {
  if (value === undefined || value === null) return invalid(`the point has no \`${name}\`, which is to be its time`)
  const shown = JSON.stringify(typeof value === 'bigint' ? String(value) : value) ?? 'nothing'
  return invalid(`\`${name}\` is to be the time: ${shown.slice(0, 40)} is not ${expected}`)
}
