import {
  attemptsOf,
  codeOf,
  type DeadLetter,
  type Marks,
  placeText,
  reasonOf,
  stageOf,
} from '@connect-run/core/runtime'

import { printable } from './printable.ts'
import type { Style } from './style.ts'

/** Decodes a key or a value as the pipeline's source does, or says why that can't be done. */
export interface LetterDecoders {
  readonly key: (bytes: Buffer) => unknown
  readonly value: (bytes: Buffer) => unknown
}

export interface LetterView {
  readonly marks: Marks
  readonly decoders: LetterDecoders
}

/** A letter for a reader, as lines. */
export function letterLines(letter: DeadLetter, { marks, decoders }: LetterView, style: Style): string[] {
  const { stream, partition, offset, timestamp, headers, errors, key, value } = letter
  const { replayedMs, attempts } = marks.of(letter.id)
  const hint = errors.hint === undefined ? [] : [style.cyan(`  ${printable(errors.hint)}`)]
  const line = (name: string, text: string): string => `  ${style.dim(name.padEnd(10))} ${printable(text)}`
  return [
    `${style.bold(printable(`${stream}/${partition}/${offset}`))}  ${style.red(printable(codeOf(letter, marks)))} ${style.dim(`in ${printable(stageOf(letter, marks))}, ${placeText(letter.place)}`)}`,
    `  ${printable(reasonOf(letter, marks))}`,
    ...hint,
    line(
      'failed',
      `${errors['first.failure.time'] ?? 'at an unknown time'}, attempts: ${attemptsOf(letter) + attempts}`,
    ),
    ...(replayedMs === undefined ? [] : [line('replayed', new Date(replayedMs).toISOString())]),
    line('timestamp', timestamp === undefined ? 'none' : new Date(timestamp).toISOString()),
    ...headers.map((header) =>
      line('header', `${header.key}: ${header.value === null ? 'null' : shown(header.value)}`),
    ),
    line('key', key === null ? 'none' : decoded(key, decoders.key)),
    line('value', value === null ? 'null (a tombstone)' : decoded(value, decoders.value)),
  ]
}

/** The same for a program. */
export function letterJson(letter: DeadLetter, { marks, decoders }: LetterView): object {
  const { id, recordId: _recordId, place, key, value, headers, errors, ...coordinates } = letter
  const { replayedMs, attempts } = marks.of(id)
  return {
    ...coordinates,
    place: placeText(place),
    code: codeOf(letter, marks),
    stage: stageOf(letter, marks),
    reason: reasonOf(letter, marks),
    hint: errors.hint,
    attempts: attemptsOf(letter) + attempts,
    replayed: replayedMs === undefined ? undefined : new Date(replayedMs).toISOString(),
    errors,
    headers: headers.map((header) => ({
      key: header.key,
      value: header.value === null ? null : bytesJson(header.value),
    })),
    key: key === null ? null : { ...bytesJson(key), decoded: attempt(key, decoders.key) },
    value: value === null ? null : { ...bytesJson(value), decoded: attempt(value, decoders.value) },
  }
}

function decoded(bytes: Buffer, decode: (bytes: Buffer) => unknown): string {
  try {
    return json(decode(bytes))
  } catch {
    return shown(bytes)
  }
}

/** Undefined where the bytes can't be decoded: what is wrong with them is the reason above. */
function attempt(bytes: Buffer, decode: (bytes: Buffer) => unknown): unknown {
  try {
    return JSON.parse(json(decode(bytes))) as unknown
  } catch {
    return undefined
  }
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part)) ?? 'undefined'
}

const MOST_BYTES = 4096

function shown(bytes: Buffer): string {
  const cut = bytes.length > MOST_BYTES ? ` … (${bytes.length} bytes)` : ''
  const text = bytes.subarray(0, MOST_BYTES).toString('utf8')
  return isText(bytes) ? text + cut : `0x${bytes.subarray(0, MOST_BYTES).toString('hex')}${cut}`
}

function bytesJson(bytes: Buffer): object {
  return isText(bytes) ? { utf8: bytes.toString('utf8') } : { base64: bytes.toString('base64') }
}

function isText(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes)
}
