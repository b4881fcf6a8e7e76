import { isServiceUnavailable } from './service-unavailable.ts'
import type { ServiceName } from './shared-services.ts'
import { findSoftware, sharedAddress } from './shared-services.ts'
import { noteUse } from './usage-log.ts'

export interface TestService {
  /** Empty if there is no such service here: then the tests are skipped. */
  readonly address: string
  /** jest's describe, which skips the tests where the service is missing. */
  readonly describe: (name: string, body: () => void) => void
}

export interface ServiceRequest {
  /** The test starts a server of its own: none is started for it, and the address is empty. Default false. */
  readonly own?: boolean
}

/**
 * A real server for a test file, shared with the other files of the run. Ask at the top of the file:
 *
 *     const kafka = await service('kafka')
 *     kafka.describe('the source', () => { … kafka.address … })
 *
 * A missing service skips the tests and says why on standard error; with CI=true it is a failure.
 */
export async function service(name: ServiceName, request: ServiceRequest = {}): Promise<TestService> {
  const { describe, it } = await import('@jest/globals')
  try {
    if (request.own) await findSoftware(name)
    const address = request.own ? '' : await sharedAddress(name)
    return { address, describe: (title, body) => describe(title, body) }
  } catch (error) {
    if (!isServiceUnavailable(error)) throw error
    noteUse({ service: name, missing: error.message })
    process.stderr.write(`\nSKIPPED for want of ${name}: ${error.message}\n\n`)
    if (process.env['CI'] === 'true') {
      describe(name, () => {
        it('is there for the tests', () => {
          throw error
        })
      })
    }
    return { address: '', describe: (title, body) => describe.skip(title, body) }
  }
}
