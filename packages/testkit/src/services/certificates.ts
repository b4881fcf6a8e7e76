import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureSystemPackages, findProgram } from '../../setup/system-packages.mjs'
import { runCommand } from './run-command.ts'
import { ServiceUnavailableError } from './service-unavailable.ts'

/** PEM files, good for two days. */
export interface Certificates {
  readonly caFile: string
  /** For 127.0.0.1 and localhost. */
  readonly certFile: string
  readonly keyFile: string
  /** The server's key and certificate in one file, as Kafka wants it. */
  readonly keystoreFile: string
  /** Signed by the same authority, for TLS with client certificates. */
  readonly clientCertFile: string
  readonly clientKeyFile: string
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Makes a certificate authority in `dir`, and certificates by it for a server on loopback and for a client. */
export async function issueCertificates(dir: string): Promise<Certificates> {
  const missing = findProgram('openssl') ? undefined : await ensureSystemPackages(['openssl'])
  if (missing) throw new ServiceUnavailableError(`no openssl to make certificates with: ${missing}`)
  await mkdir(dir, { recursive: true })
  const at = (name: string): string => join(dir, name)
  const authority = ['-x509', '-days', '2', '-subj', '/CN=connect-run test authority']
  await openssl('req', ...NEW_KEY, ...authority, '-keyout', at('ca.key'), '-out', at('ca.pem'))
  await issue(dir, 'server', 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  await issue(dir, 'client', 'extendedKeyUsage=clientAuth\n')
  await writeFile(
    at('keystore.pem'),
    (await readFile(at('server.key'), 'utf8')) + (await readFile(at('server.pem'), 'utf8')),
  )
  return {
    caFile: at('ca.pem'),
    certFile: at('server.pem'),
    keyFile: at('server.key'),
    keystoreFile: at('keystore.pem'),
    clientCertFile: at('client.pem'),
    clientKeyFile: at('client.key'),
  }
}

async function issue(dir: string, name: string, extensions: string): Promise<void> {
  const at = (ending: string): string => join(dir, `${name}.${ending}`)
  await writeFile(at('ext'), extensions)
  await openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', at('key'), '-out', at('csr'))
  const signer = ['-CA', join(dir, 'ca.pem'), '-CAkey', join(dir, 'ca.key'), '-CAcreateserial', '-days', '2']
  await openssl('x509', '-req', '-in', at('csr'), ...signer, '-extfile', at('ext'), '-out', at('pem'))
}

function openssl(...args: string[]): Promise<string> {
  return runCommand(['openssl', ...args])
}
