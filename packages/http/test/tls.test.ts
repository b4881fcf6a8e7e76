import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type Server, createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { createHttpClient } from '../src/http-client.ts'
import type { HttpTlsConfig } from '../src/http-options.ts'

// A certificate for 127.0.0.1 that signs itself, so it is its own authority.
const certPath = fileURLToPath(new URL('tls/cert.pem', import.meta.url))
const keyPath = fileURLToPath(new URL('tls/key.pem', import.meta.url))
const cert = readFileSync(certPath, 'utf8')

let url: string
const servers: Server[] = []
beforeAll(async () => {
  url = await serve(cert, keyPath)
})
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})

/** Starts a server with a chain of certificates; returns its address. */
async function serve(chain: string, keyFile: string): Promise<string> {
  const options = { cert: chain, key: readFileSync(keyFile), ca: cert, requestCert: true, rejectUnauthorized: false }
  const server = createServer(options, (request, response) => {
    response.end((request.socket as unknown as { authorized: boolean }).authorized ? 'known' : 'anonymous')
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function get(tls?: HttpTlsConfig, from: string = url): Promise<string> {
  const client = await createHttpClient({ url: from, connections: 1, timeoutMs: 5000, tls })
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

describe('a fingerprint', () => {
  const pem = (name: string): string => readFileSync(new URL(`tls/${name}.pem`, import.meta.url), 'utf8')
  const digest = (text: string): string => new X509Certificate(text).fingerprint256
  const authority = pem('authority')
  const signedKey = fileURLToPath(new URL('tls/signed-key.pem', import.meta.url))

  it.each([
    ['with colons', digest(cert)],
    ['without', digest(cert).replaceAll(':', '').toLowerCase()],
  ])('is enough to trust the server’s own certificate, %s', async (_how, fingerprint) => {
    expect(await get({ fingerprint })).toBe('anonymous')
    expect(await get({ fingerprint, verify: false })).toBe('anonymous')
    expect(await get({ fingerprint, cert, key: keyPath })).toBe('known')
  })

  it.each([[{}], [{ verify: false }], [{ ca: cert }]])('refuses any other certificate, also with %j', async (more) => {
    const refused = get({ ...more, fingerprint: digest(authority) })
    await expect(refused).rejects.toMatchObject({
      kind: 'retriable',
      code: 'UNREACHABLE',
      message: `no secure connection to ${url}: its certificate has the fingerprint ${digest(cert)}, which is not \`tls.fingerprint\``,
      hint: expect.stringContaining('somebody else'),
    })
  })

  it('sends nothing to a server that it refuses, and asks it again each time', async () => {
    const client = await createHttpClient({
      url,
      connections: 1,
      timeoutMs: 5000,
      tls: { fingerprint: digest(authority) },
    })
    const asked: string[] = []
    servers[0]!.on('request', ({ url: path }) => asked.push(String(path)))
    const { signal } = new AbortController()
    for (let i = 0; i < 3; i++) {
      const refused = client.request({ method: 'GET', path: '/secret', signal })
      await expect(refused).rejects.toMatchObject({ code: 'UNREACHABLE' })
    }
    expect(asked).toEqual([])
    await client.close()
  })

  it('of an authority trusts what it signed, for the server’s name', async () => {
    const fingerprint = digest(authority)
    expect(await get({ fingerprint }, await serve(pem('signed') + authority, signedKey))).toBe('anonymous')
    const elsewhere = await serve(pem('elsewhere') + authority, signedKey)
    await expect(get({ fingerprint }, elsewhere)).rejects.toThrow('its certificate is not for 127.0.0.1')
    expect(await get({ fingerprint, verify: false }, elsewhere)).toBe('anonymous')
  })

  it('of an authority does not trust who merely shows its certificate, or has one by it', async () => {
    const fingerprint = digest(authority)
    await expect(get({ fingerprint }, await serve(cert + authority, keyPath))).rejects.toThrow('tls.fingerprint')
    const below = await serve(pem('below-signed') + pem('signed') + authority, signedKey)
    await expect(get({ fingerprint }, below)).rejects.toThrow('tls.fingerprint')
  })

  it.each([
    ['its certificate has expired', 'expired', '2100-01-01'],
    ['its certificate has the fingerprint', 'signed', '2200-01-01'],
  ])('of an authority does not trust it beyond its time: %s', async (said, name, date) => {
    const server = await serve(pem(name) + authority, signedKey)
    const now = jest.spyOn(Date, 'now').mockReturnValue(Date.parse(date))
    try {
      await expect(get({ fingerprint: digest(authority) }, server)).rejects.toThrow(said)
    } finally {
      now.mockRestore()
    }
  })

  it('and an authority must both be right where both are given', async () => {
    const fingerprint = digest(cert)
    expect(await get({ fingerprint, ca: cert })).toBe('anonymous')
    await expect(get({ fingerprint, ca: authority })).rejects.toThrow('DEPTH_ZERO_SELF_SIGNED_CERT')
  })

  it('is refused for an address that is not https', async () => {
    const refused = get({ fingerprint: digest(cert) }, 'http://127.0.0.1:1')
    await expect(refused).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
