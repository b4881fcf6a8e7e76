import { ConnectError, type ErrorCode, RetriableError } from '@connect-run/core'

/** A write, cut or rename that the system refused. What was not written is written later, from where the file ended. */
export function cannotWrite(file: string, cause: unknown): RetriableError {
  const { code, reason } = problemOf(cause)
  const hint = `${code === 'DISK_FULL' ? 'Free space there.' : 'Act on the reason.'} The pipeline waits, nothing is lost, and it goes on by itself.`
  return new RetriableError(code, `can't write ${file}: ${reason}`, { hint, cause })
}

/**
 * A sync that failed. What the system could not write may be gone from its memory too, and the next sync would say
 * that all is well: only a new start, from the checkpoint, is safe.
 */
export function cannotSync(file: string, cause: unknown): ConnectError {
  const { code, reason } = problemOf(cause)
  return new ConnectError(code, `can't sync ${file}: ${reason}`, {
    hint: 'Check the disk. The task begins anew from the checkpoint, by its restart policy; nothing is lost.',
    cause,
  })
}

/** A rotation that failed half-way: only a new start, from the checkpoint, puts the files in order. */
export function cannotRotate(file: string, cause: unknown): ConnectError {
  const { code, reason } = problemOf(cause)
  return new ConnectError(code, `can't rotate ${file}: ${reason}`, {
    hint: 'Act on the reason. The task begins anew from the checkpoint, by its restart policy; nothing is lost.',
    cause,
  })
}

/** The file is not at its path any more while it is being written. */
export function goneWhileOpen(file: string, what: string): RetriableError {
  return new RetriableError('FILE_GONE', `${file} ${what}`, {
    hint:
      'Put the file back, or mount its disk. To begin a new file, stop the worker, remove the `.checkpoint` beside it if ' +
      'it is there, and start again: what is not in a checkpoint is written again.',
  })
}

/** There is a checkpoint, and no file. */
export function goneBeforeStart(file: string, checkpoint: string): ConnectError {
  return new ConnectError('FILE_GONE', `${file} is missing, but ${checkpoint} speaks of it`, {
    hint: 'Put the file back. To begin a new one where the last ended, remove the checkpoint.',
  })
}

/** A file that must make room for the one that the checkpoint speaks of, and was not written by this sink. */
export function inTheWay(file: string, ours: string): ConnectError {
  return new ConnectError('FILE_GONE', `${file} is another file now, and ${ours} must take its place`, {
    hint: `Move ${file} away and start again.`,
  })
}

export function isLink(file: string): ConnectError {
  return new ConnectError('FILE_UNWRITABLE', `${file} is a symbolic link, which can't be rotated`, {
    hint: 'Name the file that it points to.',
  })
}

function problemOf(cause: unknown): { code: ErrorCode; reason: string } {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ENOSPC') return { code: 'DISK_FULL', reason: 'the disk is full' }
  if (code === 'EDQUOT') return { code: 'DISK_FULL', reason: 'the quota is used up' }
  return { code: 'FILE_UNWRITABLE', reason: message }
}
