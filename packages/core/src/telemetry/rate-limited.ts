import type { Clock, Logger } from '../api/task-context.ts'

export interface RateLimit {
  /** The same message is logged at most once in so many milliseconds. */
  readonly intervalMs: number
  readonly clock: Clock
}

interface Seen {
  since: number
  suppressed: number
}

const MAX_MESSAGES = 1000

/**
 * A logger that says the same thing (level and message, whatever the fields) once an interval; the next entry says
 * how many were left out. Remembers 1000 messages, so whatever varies belongs into the fields.
 */
export function rateLimited(logger: Logger, limit: RateLimit): Logger {
  const seen = new Map<string, Seen>()
  const at =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      const suppressed = admit(seen, `${level} ${message}`, limit)
      if (suppressed === undefined) return
      logger[level](suppressed === 0 ? fields : { ...fields, suppressed }, message)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** How many entries were suppressed before this one; undefined where this one is. */
function admit(seen: Map<string, Seen>, key: string, { intervalMs, clock }: RateLimit): number | undefined {
  const now = clock.monotonic()
  const known = seen.get(key)
  if (known !== undefined && now - known.since < intervalMs) {
    known.suppressed++
    return undefined
  }
  seen.delete(key)
  seen.set(key, { since: now, suppressed: 0 })
  if (seen.size > MAX_MESSAGES) seen.delete(seen.keys().next().value!)
  return known?.suppressed ?? 0
}
