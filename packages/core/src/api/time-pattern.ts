import { RecordError } from './errors.ts'

/** Milliseconds since 1970 as text. Throws a `RecordError` (`RECORD_INVALID`) for what is no date. */
export type TimeFormat = (ms: number) => string

const HOUR = 3_600_000
/** A run of one letter. */
const run = /([A-Za-z])\1*/g

const letters: Readonly<Record<string, (date: Date) => string>> = {
  yyyy: (date) => String(date.getUTCFullYear()).padStart(4, '0'),
  MM: (date) => twoDigits(date.getUTCMonth() + 1),
  dd: (date) => twoDigits(date.getUTCDate()),
  HH: (date) => twoDigits(date.getUTCHours()),
}

/** What was meant by another letter. */
const meant: Readonly<Record<string, string>> = { y: 'yyyy', m: 'MM', d: 'dd', h: 'HH' }

/**
 * What is wrong with the pattern of a time, in words; undefined if nothing. It has `yyyy`, `MM`, `dd` and `HH` in it,
 * and between them anything that is no letter.
 */
export function timeProblem(pattern: string): string | undefined {
  const runs = pattern.match(run)
  if (runs === null) return 'a time needs a pattern, as in `${time:yyyy.MM.dd}`'
  const unknown = runs.find((letter) => !Object.hasOwn(letters, letter))
  if (unknown === undefined) return undefined
  const guess = meant[unknown[0]!.toLowerCase()]
  return guess === undefined
    ? `\`${unknown}\` is no part of a time; \`yyyy\`, \`MM\`, \`dd\` and \`HH\` are`
    : `\`${unknown}\` is no part of a time, write \`${guess}\``
}

/** Formats by a pattern that has no problem, in UTC. An hour is formatted once as long as times stay in it. */
export function timeFormat(pattern: string): TimeFormat {
  let hour = -1
  let text = ''
  return (ms) => {
    const now = Math.floor(ms / HOUR)
    if (now !== hour) {
      text = formatHour(pattern, now * HOUR)
      hour = now
    }
    return text
  }
}

function formatHour(pattern: string, ms: number): string {
  const date = new Date(ms)
  if (!Number.isNaN(date.getTime())) return pattern.replaceAll(run, (letter) => letters[letter]!(date))
  throw new RecordError('RECORD_INVALID', 'the time of the record is beyond every calendar', {
    hint: 'Send milliseconds since 1970 as the time of the record.',
  })
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0')
}
