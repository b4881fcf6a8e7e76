import { RetriableError, isConnectError } from '@connect-run/core'
import type { FileSourceConfig } from './source-config.ts'

/** The error of a file operation, with what to do about it. */
export function fileProblem(error: unknown, file?: string): RetriableError {
  const { code = '', path = file, message } = error as NodeJS.ErrnoException
  const name = path ?? 'the files'
  if (isConnectError(error)) return new RetriableError(error.code, error.message, { cause: error })
  if (code === 'EACCES' || code === 'EPERM') {
    return new RetriableError('FILE_UNREADABLE', `${name} may not be read by this user (${code})`, {
      hint: 'Give the user that the worker runs as the right to read the file and to search its folders.',
      cause: error,
    })
  }
  if (code === 'EMFILE' || code === 'ENFILE') {
    return new RetriableError('FILE_UNREADABLE', `${name} could not be opened: too many open files (${code})`, {
      hint: 'Lower `maxOpenFiles`, or raise the limit of the process (ulimit -n).',
      cause: error,
    })
  }
  return new RetriableError('FILE_UNREADABLE', `${name} could not be read: ${message}`, {
    hint: 'Look at the file and at the disk or share that it is on.',
    cause: error,
  })
}

export function missingProblem(
  missing: readonly string[],
  { scanInterval }: FileSourceConfig,
): RetriableError | undefined {
  if (missing.length === 0) return undefined
  return new RetriableError('NOT_FOUND', `no file matches ${missing.join(', ')}`, {
    hint: 'Check `path`; a file that appears there is read.',
    retryAfterMs: scanInterval,
  })
}
