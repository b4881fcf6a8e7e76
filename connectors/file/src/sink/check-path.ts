import path from 'node:path'
import { ConnectError, isConnectError } from '@connect-run/core'
import { cannotWrite } from './file-problem.ts'
import { type Files, statOf } from './files.ts'

/** Whether there is a file at the path. Throws where none could be. */
export async function checkPath(files: Pick<Files, 'stat'>, file: string): Promise<boolean> {
  const folder = path.dirname(file)
  try {
    const found = await statOf(files, file)
    if (found?.isFile() === true) return true
    if (found === undefined && (await statOf(files, folder))?.isDirectory() === true) return false
    if (found !== undefined) {
      const what = found.isDirectory() ? 'a folder' : found.isFIFO() ? 'a pipe' : 'not a regular file'
      throw new ConnectError('FILE_UNWRITABLE', `${file} is ${what}`, {
        hint: 'Name a file to write. For another program to read the lines as they come, use `path: -` and a pipe of the shell.',
      })
    }
  } catch (error) {
    throw isConnectError(error) ? error : cannotWrite(file, error)
  }
  throw new ConnectError('NOT_FOUND', `the folder ${folder} does not exist`, {
    hint: 'Make it, or mount the disk that it is on; it is not made here, so that a missing disk is noticed.',
  })
}
