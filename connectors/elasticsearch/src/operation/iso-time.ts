import { invalid } from './refusals.ts'

/** The last millisecond that a date can be. */
const LAST = 8.64e15

/** Milliseconds since 1970 as `2024-05-01T12:00:00.500Z`. */
export function isoTime(ms: number): string {
  if (Math.abs(ms) <= LAST) return new Date(ms).toISOString()
  throw invalid(
    `${ms} is beyond every calendar, and no time`,
    'Send milliseconds since 1970 as the time of the record.',
  )
}

/** The same for many times, most of which are in the second of the one before. */
export function isoTimes(): (ms: number) => string {
  let second = -1
  let text = ''
  return (ms) => {
    const now = Math.floor(ms / 1000)
    if (now !== second) text = isoTime(now * 1000).slice(0, -'000Z'.length)
    second = now
    const rest = Math.floor(ms - now * 1000)
    return `${text}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`
  }
}
