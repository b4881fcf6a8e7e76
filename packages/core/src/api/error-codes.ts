/**
 * The closed list of codes. Each stands in `docs/errors.md` with its cause and cure; a test compares the two.
 * A connector uses these codes and never its own: an operator learns one list.
 */
export const errorCodes = [
  // configuration, exit code 2
  'CONFIG_UNREADABLE',
  'CONFIG_SYNTAX',
  'CONFIG_INVALID',
  'CONFIG_VARIABLE',
  'CONNECTOR_UNKNOWN',
  'PLUGIN_INVALID',
  // environment, exit code 3
  'FEATURE_MISSING',
  'STATE_LOCKED',
  'STATE_FENCED',
  'STATE_UNREADABLE',
  'STATE_UNSAFE',
  'STATE_UNWRITABLE',
  // accounts
  'LEDGER_VIOLATED',
  // control
  'END_OF_SOURCE',
  'PARTIAL_BATCH',
  'STOPPED',
  'RETRIES_EXHAUSTED',
  // one record
  'CONVERSION_FAILED',
  'TRANSFORM_FAILED',
  'RECORD_INVALID',
  'RECORD_TOO_LARGE',
  'RECORD_REJECTED',
  'RECORD_COLLISION',
  'COLUMN_TYPE_CONFLICT',
  // the other side
  'UNREACHABLE',
  'TIMEOUT',
  'CONNECTION_LOST',
  'THROTTLED',
  'SERVER_ERROR',
  'AUTH_FAILED',
  'NOT_FOUND',
  'REQUEST_REJECTED',
  'OFFSET_MISSING',
  'TOPIC_MISSING',
  'FENCED',
  'DEAD_LETTER_FAILED',
  'PARKING_UNAVAILABLE',
  'DEAD_LETTER_LIMIT',
  'SOURCE_FAILED',
  // files
  'FILE_UNREADABLE',
  'FILE_UNWRITABLE',
  'FILE_GONE',
  'FILE_IN_USE',
  'DISK_FULL',
] as const

export type ErrorCode = (typeof errorCodes)[number]
