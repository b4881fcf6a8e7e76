import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type Server, createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createHttpClient } from '../src/http-client.ts'
import type { TlsConfig } from '../src/http-options.ts'

// A certificate for 127.0.0.1 that signs itself, so it is its own authority.
const certPath = fileURLToPath(new URL('tls/cert.pem', import.meta.url))
const keyPath = fileURLToPath(new URL('tls/key.pem', import.meta.url))
const cert = readFileSync(certPath, 'utf8')

let server: Server
let url: string
beforeAll(async () => {
  const options = { cert, key: readFileSync(keyPath), ca: cert, requestCert: true, rejectUnauthorized: false }
  server = createServer(options, (request, response) => {
    response.end((request.socket as unknown as { authorized: boolean }).authorized ? 'known' : 'anonymous')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

async function get(tls?: TlsConfig): Promise<string> {
  const client = await createHttpClient({ url, connections: 1, timeoutMs: 5000, tls })
  try {
    const { signal } = new AbortController()
    return String((await client.request({ method: 'GET', path: '/', signal })).body)
  } finally {
    await client.close()
  }
}

describe('TLS', () => {
  it.each([[certPath], [cert]])('trusts the authority given, as a path or as PEM', async (ca) => {
    expect(await get({ ca })).toBe('anonymous')
  })

  it('shows its own certificate', async () => {
    expect(await get({ ca: certPath, cert: certPath, key: keyPath })).toBe('known')
  })

  it('refuses a server that it can’t verify, unless told not to', async () => {
    await expect(get()).rejects.toMatchObject({
      kind: 'retriable',
      code: 'UNREACHABLE',
      message: `no secure connection to ${url}: DEPTH_ZERO_SELF_SIGNED_CERT`,
      hint: expect.stringContaining('`tls.ca`'),
    })
    expect(await get({ verify: false })).toBe('anonymous')
  })
})
