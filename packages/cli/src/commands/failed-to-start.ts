import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Screen } from '../output/screen.ts'

/** What the machine lacks, not the pipeline. */
export const environmentCodes: ReadonlySet<string> = new Set([
  'FEATURE_MISSING',
  'STATE_LOCKED',
  'STATE_UNREADABLE',
  'STATE_UNSAFE',
  'STATE_UNWRITABLE',
])

/** Says why nothing was started. */
export function failedToStart(error: unknown, err: Screen): ExitCode {
  const { code, message, hint } = error as { code?: string; message?: string; hint?: string }
  err.line(err.style.red(message ?? String(error)) + (hint === undefined ? '' : `\n${err.style.cyan(hint)}`))
  return environmentCodes.has(code ?? '') ? exitCodes.environment : exitCodes.runtime
}
