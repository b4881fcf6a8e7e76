import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { RetriableError } from '@connect-run/core'
import { buildConnector } from 'undici'

export interface Pin {
  /** SHA-256 of a certificate in hex; colons and case do not matter. */
  readonly fingerprint: string
  /** Whether the name in a certificate matters that is trusted by its authority's fingerprint. */
  readonly checksName: boolean
  /** Of the server, for messages. */
  readonly address: string
}

/**
 * Connects only to a server that shows the certificate of this fingerprint: its own, or, as Elasticsearch prints it at its
 * first start, that of the authority which it sends along and which signed its own. Whether a check by `ca` comes first
 * is up to the options.
 */
export function pinnedConnector(options: buildConnector.BuildOptions, pin: Pin): buildConnector.connector {
  // A session that is resumed shows no chain, so there are none.
  const connect = buildConnector({ ...options, maxCachedSessions: 0 })
  return (target, callback) => {
    connect(target, (error, socket) => {
      if (error !== null) return callback(error, null)
      const problem = pinProblem(socket as TLSSocket, pin, target.servername || target.hostname)
      if (problem === undefined) return callback(null, socket)
      socket.destroy()
      callback(untrusted(problem, pin), null)
    })
  }
}

function pinProblem(socket: TLSSocket, pin: Pin, name: string): string | undefined {
  const wanted = pin.fingerprint.replaceAll(':', '').toUpperCase()
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return 'it shows no certificate'
  if (digestOf(certificate) === wanted) return undefined
  if (!authorities(certificate).some((authority) => digestOf(authority) === wanted)) {
    return `its certificate has the fingerprint ${certificate.fingerprint256}, which is not \`tls.fingerprint\``
  }
  if (!isCurrent(certificate)) return 'its certificate has expired, or is not valid yet'
  return pin.checksName && !isFor(certificate, name) ? `its certificate is not for ${name}` : undefined
}

function isFor(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) > 0 ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined
}

/** Those that signed the certificate, one above the other, as far as the server sends them. */
function authorities(certificate: X509Certificate): X509Certificate[] {
  const found: X509Certificate[] = []
  let at = certificate
  for (;;) {
    const { issuerCertificate: issuer } = at
    // The order in which a server sends certificates proves nothing: only signatures do.
    if (issuer === undefined || !issuer.ca || !isCurrent(issuer) || !at.verify(issuer.publicKey)) return found
    if (digestOf(issuer) === digestOf(at)) return found
    found.push(issuer)
    at = issuer
  }
}

function isCurrent({ validFrom, validTo }: X509Certificate): boolean {
  const now = Date.now()
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo)
}

function digestOf({ fingerprint256 }: X509Certificate): string {
  return fingerprint256.replaceAll(':', '')
}

function untrusted(problem: string, { address }: Pin): RetriableError {
  return new RetriableError('UNREACHABLE', `no secure connection to ${address}: ${problem}`, {
    hint: 'If the server has got a new certificate, and you have made sure of it, correct `tls.fingerprint`; if not, somebody else answers in its place.',
  })
}
