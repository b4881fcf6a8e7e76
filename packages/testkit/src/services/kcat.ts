import { ensureSystemPackages, findProgram } from '../../setup/system-packages.mjs'
import { ServiceUnavailableError } from './service-unavailable.ts'
import { noteUse } from './usage-log.ts'

/** The path of kcat, installed if need be. Throws ServiceUnavailableError where that cannot be. */
export async function kcatProgram(): Promise<string> {
  const missing = findProgram('kcat') ? undefined : await ensureSystemPackages(['kcat'])
  const program = findProgram('kcat')
  if (!program) throw new ServiceUnavailableError(`no kcat: ${missing ?? 'it is not on the PATH'}`)
  noteUse({ service: 'kcat', origin: program })
  return program
}
