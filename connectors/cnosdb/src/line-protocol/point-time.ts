import type { TimeUnit } from '../sink-config.ts'
import { invalid } from './text.ts'

/** Three digits, so that six are put together from two parts without arithmetic on text. */
const triples: readonly string[] = Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, '0'))

/** What distinguishes points of one millisecond. */
const NANOSECONDS = 1_000_000
/** Below this the quotient of an offset and 10^6 can't be rounded up to the next whole number. */
const EXACT_QUOTIENT = 2 ** 43
/** The last whole millisecond of a signed 64-bit count of nanoseconds. */
const LAST_MS = 9_223_372_036_853
const LAST_NS = 2n ** 63n - 2n
const MAX_PARTITIONS_TELEGRAF = 64

/** The nanoseconds within the millisecond: the offset, or offset and partition where no tag tells partitions apart. */
export function nanosecondOf(offset: number, partition: number, identity: 'partition-tag' | 'telegraf'): number {
  if (identity === 'partition-tag') {
    // The remainder of a division costs as much as the rest of a point, unless the quotient is known to be exact.
    return offset < EXACT_QUOTIENT ? offset - Math.floor(offset / NANOSECONDS) * NANOSECONDS : offset % NANOSECONDS
  }
  // offset × 64 may leave the exact integers; the remainder is the same without it, since 10^6 = 64 × 15,625.
  return ((offset % 15_625) * MAX_PARTITIONS_TELEGRAF + partition) % NANOSECONDS
}

export function checkMillisecond(ms: number): void {
  if (ms > LAST_MS) throw invalid(`the timestamp ${ms} ms is out of range`)
}

/** Milliseconds as the beginning of a time in nanoseconds; empty for 1970's first. */
export function millisecondDigits(ms: number): string {
  return ms === 0 ? '' : String(ms)
}

/** Milliseconds and nanoseconds as one number, joined as digits: the sum would not be exact. */
export function joinTime(millisecondPart: string, nanosecond: number): string {
  if (millisecondPart === '') return String(nanosecond)
  return millisecondPart + triples[(nanosecond / 1000) | 0]! + triples[nanosecond % 1000]!
}

/** The same digits as bytes. */
const tripleBytes = Buffer.from(triples.join(''))

/** Milliseconds from 2001 to 2286 have 13 digits. */
const LEAST_13_DIGITS = 1e12
const MOST_13_DIGITS = 1e13 - 1

/**
 * Writes times as bytes: the milliseconds that records have in common are written once, and copied for each of them.
 */
export class TimeWriter {
  #ms = -1
  readonly #digits = Buffer.alloc(13)
  #isWritten = false

  /** The same digits as {@link joinTime}; returns the place after them. */
  write(ms: number, nanosecond: number, to: Buffer, at: number): number {
    if (ms !== this.#ms) this.#setMillisecond(ms)
    if (!this.#isWritten) return at + to.write(joinTime(millisecondDigits(ms), nanosecond), at, 'latin1')
    const digits = this.#digits
    for (let i = 0; i < 13; i++) to[at + i] = digits[i]!
    const thousands = (nanosecond / 1000) | 0
    writeTriple(thousands, to, at + 13)
    writeTriple((nanosecond | 0) - thousands * 1000, to, at + 16)
    return at + 19
  }

  #setMillisecond(ms: number): void {
    this.#ms = ms
    this.#isWritten = ms >= LEAST_13_DIGITS && ms <= MOST_13_DIGITS && Number.isInteger(ms)
    if (!this.#isWritten) return
    const millions = Math.floor(ms / 1e6)
    const rest = (ms - millions * 1e6) | 0
    const thousands = (rest / 1000) | 0
    const billions = (millions / 1000) | 0
    this.#digits[0] = 0x30 + ((billions / 1000) | 0)
    writeTriple(billions % 1000, this.#digits, 1)
    writeTriple((millions | 0) - billions * 1000, this.#digits, 4)
    writeTriple(thousands, this.#digits, 7)
    writeTriple(rest - thousands * 1000, this.#digits, 10)
  }
}

function writeTriple(number: number, to: Buffer, at: number): void {
  to[at] = tripleBytes[number * 3]!
  to[at + 1] = tripleBytes[number * 3 + 1]!
  to[at + 2] = tripleBytes[number * 3 + 2]!
}

const fractionDigits: Readonly<Record<TimeUnit, number>> = { s: 9, ms: 6, us: 3, ns: 0 }

const zeros: Readonly<Record<TimeUnit, string>> = { s: '0'.repeat(9), ms: '0'.repeat(6), us: '000', ns: '' }

/** A count since 1970 as nanoseconds, exact in all digits that are written; what is below a nanosecond is cut. */
export function timeFromCount(name: string, value: unknown, unit: TimeUnit): string {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value
  const digits = fractionDigits[unit]
  if (typeof text === 'string' && text.length + digits <= 19 && /^[1-8]\d*$/.test(text)) return text + zeros[unit]
  const match = typeof text === 'string' ? /^(-?)(\d{1,30})(?:\.(\d+))?$/.exec(text.trim()) : null
  if (match === null) throw badTime(name, value, `a number of ${unit}`)
  const [, sign = '', whole = '', fraction = ''] = match
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
