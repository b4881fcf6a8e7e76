import * as fs from 'node:fs/promises'
import path from 'node:path'
import { RetriableError } from '@connect-run/core'
import { checkPath } from './check-path.ts'
import { checkpointPath, readCheckpoint } from './checkpoint.ts'
import { cannotWrite, goneBeforeStart, isLink } from './file-problem.ts'
import type { Files } from './files.ts'
import { type FileSinkConfig, STDOUT } from './sink-config.ts'

export interface ProbedFiles extends Files {
  access(path: string, mode: number): Promise<void>
}

/** Whether file and folder may be written; the checkpoint stands beside the file. */
export async function probeSink(config: FileSinkConfig, files: ProbedFiles = fs): Promise<readonly string[]> {
  if (config.path === STDOUT) return ['standard output']
  const file = path.resolve(config.path)
  const isThere = await checkPath(files, file)
  // A rotation that was interrupted may have left none at the path.
  if (config.rotate === undefined) await refuseMissing(files, file, isThere)
  else if (isThere) await refuseLink(files, file)
  for (const one of [path.dirname(file), ...(isThere ? [file] : [])]) {
    await files.access(one, fs.constants.W_OK).catch((error: unknown) => {
      throw withHint(cannotWrite(one, error))
    })
  }
  return [isThere ? `${file} can be written` : `${file} will be made`]
}

async function refuseMissing(files: ProbedFiles, file: string, isThere: boolean): Promise<void> {
  const checkpoint = await readCheckpoint(files, file)
  if (checkpoint !== undefined && !isThere) throw goneBeforeStart(file, checkpointPath(file))
}

async function refuseLink(files: ProbedFiles, file: string): Promise<void> {
  const own = path.join(await files.realpath(path.dirname(file)), path.basename(file))
  if ((await files.realpath(file)) !== own) throw isLink(file)
}

/** No pipeline waits. */
function withHint({ code, message, cause }: RetriableError): RetriableError {
  return new RetriableError(code, message, {
    hint: 'Let the user that the worker runs as write the file and its folder.',
    cause,
  })
}
