import { pino } from 'pino'
import { default as pretty } from 'pino-pretty'
import type { Logger } from '../api/task-context.ts'
import { describeError } from './describe-error.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface LoggerOptions {
  /** `pretty` is for people: one line an entry, in colour on a terminal. `json` is for machines. */
  readonly format: 'pretty' | 'json'
  readonly level: LogLevel
  /** Default: standard error, so that output and log don't mix. */
  readonly destination?: NodeJS.WritableStream
}

export interface RootLogger extends Logger {
  /** A logger whose every entry carries these fields. */
  child(fields: object): RootLogger
}

const secretNames = ['password', 'passphrase', 'token', 'secret', 'authorization', 'apiKey', 'privateKey']

/**
 * Entries are written at once, in order. Errors in the fields `error` and `err` show as code, message, hint and causes
 * (with the stack at level `debug`); fields named like secrets are masked, down to the third level.
 */
export function createLogger(options: LoggerOptions): RootLogger {
  const { format, level, destination = process.stderr } = options
  const stack = level === 'debug'
  const serialize = (error: unknown): unknown => describeError(error, { stack })
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: serialize, err: serialize },
      redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '***' },
    },
    format === 'json' ? destination : prettyStream(destination),
  )
}

function prettyStream(destination: NodeJS.WritableStream): pretty.PrettyStream {
  const isTerminal = (destination as { isTTY?: boolean }).isTTY === true
  return pretty({
    destination,
    sync: true,
    colorize: isTerminal && !process.env['NO_COLOR'],
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
    errorLikeObjectKeys: [],
  })
}
