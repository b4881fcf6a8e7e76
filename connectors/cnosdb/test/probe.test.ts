import { afterEach, expect, it } from '@jest/globals'
import { isConnectError } from '@connect-run/core'
import { testContext } from '@connect-run/testkit/conformance'
import { type CnosdbServer, type CnosdbServerOptions, startCnosdbServer } from '@connect-run/testkit/embedded'
import { probeSink } from '../src/probe.ts'
import type { CnosdbSinkConfig } from '../src/sink-config.ts'
import { sinkConfig } from './support.ts'

let server: CnosdbServer | undefined
afterEach(() => server?.stop())

async function serve(options: CnosdbServerOptions = {}): Promise<CnosdbServer> {
  return (server = await startCnosdbServer(options))
}

/** What was learned, or code and text of what is wrong. */
async function probe(options: Partial<CnosdbSinkConfig> = {}): Promise<string> {
  const config = sinkConfig({ url: server!.url, ...options })
  try {
    return (await probeSink(config, { ...testContext({ config }), streams: undefined })).join('; ')
  } catch (error) {
    if (!isConnectError(error)) throw error
    return `${error.code}: ${error.message} | ${error.hint ?? ''}`
  }
}

it('finds server, version and database', async () => {
  await serve()
  expect(await probe()).toBe('CnosDB 2.4.3; database public')
})

it('finds a wrong password, without showing it', async () => {
  await serve({ password: 'right' })
  const found = await probe({ username: 'root', password: 'wrong-secret' })
  expect(found).toMatch(/^AUTH_FAILED: .*Access denied.*\| Check `username` and `password`/)
  expect(found).not.toContain('wrong-secret')
})

it('finds a missing database, unless it will be created, and makes none', async () => {
  const { url } = await serve()
  expect(await probe({ database: 'absent' })).toMatch(/^NOT_FOUND: .*Database not found.*\| .*`createDatabase: true`/)
  expect(await probe({ database: 'absent', createDatabase: true })).toBe(
    'CnosDB 2.4.3; database absent will be created',
  )
  expect(await probe({ url, database: 'absent' })).toMatch(/^NOT_FOUND/)
})

it('finds a missing tenant, whatever will be created', async () => {
  await serve()
  expect(await probe({ tenant: 'absent', createDatabase: true })).toMatch(/^NOT_FOUND: .*Tenant not found/)
})

it('finds that nobody is there', async () => {
  await serve()
  await server!.stop()
  expect(await probe()).toMatch(/^UNREACHABLE: cannot reach http:\/\/127\.0\.0\.1:\d+/)
})
