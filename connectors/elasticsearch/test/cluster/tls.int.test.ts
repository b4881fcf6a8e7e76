import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type Server, createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { type Certificates, issueCertificates } from '@connect-run/testkit/services'
import { type ClusterClient, createClusterClient } from '../../src/cluster/cluster-client.ts'
import { closeAll, closes, keptLog } from '../loopback.ts'
import { realClock, sinkConfig, thrownBy } from '../support.ts'

const { signal } = new AbortController()
let folder: string
let files: Certificates
let server: Server
let port: number

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'connect-run-tls-'))
  files = await issueCertificates(folder)
  const [key, cert, ca] = [files.keyFile, files.certFile, files.caFile].map((file) => readFileSync(file))
  server = createServer({ key: key!, cert: cert!, ca: ca!, requestCert: true }, ({ url, socket }, response) => {
    const { subject } = (socket as TLSSocket).getPeerCertificate()
    const nodes = { a: { http: { publish_address: `localhost/127.0.0.1:${port}` } } }
    response.end(url?.startsWith('/_nodes') ? JSON.stringify({ nodes }) : subject.CN)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterEach(closeAll)
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true })
})

async function open(tls: Readonly<Record<string, unknown>>, more: object = {}): Promise<ClusterClient> {
  const config = sinkConfig({ url: `https://127.0.0.1:${port}`, tls, ...more })
  return closes(await createClusterClient(config, keptLog(), realClock))
}

const ask = (client: ClusterClient): ReturnType<ClusterClient['request']> =>
  client.request({ method: 'GET', path: '/', signal })

it('shows a client certificate to a server of its own authority', async () => {
  const client = await open({ ca: files.caFile, cert: files.clientCertFile, key: files.clientKeyFile })
  expect((await ask(client)).body.toString()).toBe('client')
})

it('is refused without a client certificate, and refuses an unknown authority', async () => {
  expect(await thrownBy(ask(await open({ ca: files.caFile })))).toMatch(/^retriable (?:UNREACHABLE|CONNECTION_LOST)/)
  const client = await open({ cert: files.clientCertFile, key: files.clientKeyFile })
  expect(await thrownBy(ask(client))).toMatch(/^retriable UNREACHABLE: no secure connection/)
})

it('trusts a certificate by its fingerprint', async () => {
  const own = { cert: files.clientCertFile, key: files.clientKeyFile }
  const fingerprint = new X509Certificate(readFileSync(files.certFile)).fingerprint256
  expect((await ask(await open({ ...own, fingerprint }))).status).toBe(200)
  const other = fingerprint.replace(/^../, (digits) => (digits === '00' ? '11' : '00'))
  expect(await thrownBy(ask(await open({ ...own, fingerprint: other })))).toContain('`tls.fingerprint`')
})

it('goes on to the name of a node that is found, which is what its certificate is for', async () => {
  const tls = { ca: files.caFile, cert: files.clientCertFile, key: files.clientKeyFile }
  const client = await open(tls, { sniff: '1h' })
  await pollUntil(async () => (await ask(client)).address === `https://localhost:${port}`)
})
