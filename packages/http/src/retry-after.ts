/** A server that asks for more is asked again after this, in milliseconds. */
const LONGEST_MS = 300_000

/**
 * The pause that a `retry-after` header asks for (seconds or an HTTP date), in milliseconds from `nowMs`; undefined
 * where there is none or it can't be read. Never negative, at most five minutes.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_MS)
  // Date.parse takes much more than HTTP dates: a bare fraction, say, would be read as a month.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - nowMs), LONGEST_MS)
}
