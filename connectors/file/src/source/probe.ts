import { access, constants } from 'node:fs/promises'
import type { ProbeContext } from '@connect-run/core'
import { isDynamicPattern } from 'tinyglobby'
import { type Found, discover } from './discovery.ts'
import { fileProblem, missingProblem } from './file-problem.ts'
import { type FileSourceConfig, isStdin } from './source-config.ts'

/** Whether the files are there and may be read. A pattern may be waiting for its first one. */
export async function probeSource(
  config: FileSourceConfig,
  { signal }: Pick<ProbeContext, 'signal'>,
  assertReadable: (path: string) => Promise<void> = (path) => access(path, constants.R_OK),
): Promise<readonly string[]> {
  if (isStdin(config)) return ['standard input']
  const { files, missing } = await found(config)
  const absent = missingProblem(
    missing.filter((path) => !isDynamicPattern(path)),
    config,
  )
  if (absent !== undefined) throw absent
  for (const { path } of files) {
    signal.throwIfAborted()
    await assertReadable(path).catch((error: unknown) => {
      throw fileProblem(error, path)
    })
  }
  const said = missing.map((pattern) => `no file matches ${pattern} yet`)
  return files.length === 0 ? said : [files.length === 1 ? '1 file' : `${files.length} files`, ...said]
}

async function found(config: FileSourceConfig): Promise<Found> {
  try {
    return await discover(config)
  } catch (error) {
    throw fileProblem(error)
  }
}
