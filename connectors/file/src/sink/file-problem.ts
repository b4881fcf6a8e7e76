import { ConnectError, RetriableError } from '@connect-run/core'
import { checkpointPath } from './checkpoint.ts'

/** A write, sync or cut that the system refused. What was not written is written later, from where the file ended. */
export function cannotWrite(file: string, cause: unknown): RetriableError {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const what = code === 'EDQUOT' ? 'the quota is used up' : 'the disk is full'
    return new RetriableError('DISK_FULL', `can't write ${file}: ${what}`, {
      hint: 'Free space there. The pipeline waits, nothing is lost, and it goes on by itself.',
      cause,
    })
  }
  return new RetriableError('FILE_UNWRITABLE', `can't write ${file}: ${message}`, {
    hint: 'Act on the reason. The pipeline waits, nothing is lost, and it goes on by itself.',
    cause,
  })
}

/** The file is not at its path any more while it is being written. */
export function goneWhileOpen(file: string, what: string): RetriableError {
  return new RetriableError('FILE_GONE', `${file} ${what}`, {
    hint:
      `Put the file back, or mount its disk. To begin a new file, stop the worker, remove ${checkpointPath(file)} if it ` +
      'is there, and start again: what is not in a checkpoint is written again.',
  })
}

/** There is a checkpoint, and no file. */
export function goneBeforeStart(file: string): ConnectError {
  return new ConnectError('FILE_GONE', `${file} is missing, but ${checkpointPath(file)} speaks of it`, {
    hint: 'Put the file back. To begin a new one where the last ended, remove the checkpoint.',
  })
}
