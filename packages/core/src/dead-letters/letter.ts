import { createHash } from 'node:crypto'
import type { Header } from '../api/record.ts'
import type { PackedInput } from '../records/batch-builder.ts'
import { type ErrorHeaders, splitHeaders } from './error-headers.ts'

/** A record that was set aside, as it was read, and why. */
export interface DeadLetter {
  /** Its name in the journal: the record, and when it failed. Two copies that one write left behind share it. */
  readonly id: string
  /** The same for all letters of one record in one pipeline: coordinates, timestamp, key and value. */
  readonly recordId: string
  readonly stream: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970; undefined where the source had none. */
  readonly timestamp: number | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** The record's own. */
  readonly headers: readonly Header[]
  readonly errors: ErrorHeaders
  readonly place: LetterPlace
}

/** Where a letter stands in its queue: a line of a file, or a record of a topic. */
export interface LetterPlace {
  readonly container: string
  readonly partition?: number
  readonly number: number
}

export function placeText({ container, partition, number }: LetterPlace): string {
  return partition === undefined ? `${container}:${number}` : `${container}/${partition}/${number}`
}

/** What is found in a queue, read as a dead letter; also one of Kafka Connect, or one without any error headers. */
export function letterOf(found: PackedInput, place: LetterPlace): DeadLetter {
  const { own, errors } = splitHeaders(found.headers ?? [])
  const stream = errors.topic ?? found.stream
  const partition = wholeNumber(errors.partition) ?? found.partition
  const offset = wholeNumber(errors.offset) ?? found.offset
  const timestamp = timestampOf(found, errors)
  const { key, value } = found
  const recordId = fingerprint([errors.pipeline, stream, partition, offset, timestamp], [key, value])
  const id = fingerprint([recordId, errors['first.failure.time']], [])
  return { id, recordId, stream, partition, offset, timestamp, key, value, headers: own, errors, place }
}

/** How often it was tried before it was set aside; at least once. */
export function attemptsOf({ errors }: DeadLetter): number {
  return Math.max(1, wholeNumber(errors.attempts) ?? 1)
}

/** When it failed first, in milliseconds since 1970; undefined where nobody said. */
export function failedAt({ errors }: DeadLetter): number | undefined {
  const time = Date.parse(errors['first.failure.time'] ?? '')
  return Number.isNaN(time) ? undefined : time
}

/** The queue's own timestamp is of no use: a topic may stamp what is written to it. */
function timestampOf({ timestamp }: PackedInput, errors: ErrorHeaders): number | undefined {
  if (errors.timestamp === '') return undefined
  return wholeNumber(errors.timestamp) ?? (timestamp < 0 ? undefined : timestamp)
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}

/** Parts are told apart by their lengths, and null from empty. */
function fingerprint(words: readonly unknown[], parts: readonly (Buffer | null)[]): string {
  const hash = createHash('sha256').update(JSON.stringify([...words, ...parts.map((part) => part?.length ?? null)]))
  for (const part of parts) if (part !== null) hash.update(part)
  return hash.digest('base64url').slice(0, 22)
}
