import { type PropertySchema, type TlsConfig, tlsProperties } from '@connect-run/core'

/** How a TLS connection is made over HTTP; the same keys in every connector. */
export interface HttpTlsConfig extends TlsConfig {
  /** SHA-256 of the server's certificate or of its authority's, in hex, with or without colons. */
  readonly fingerprint?: string
}

export const urlSchema: PropertySchema = {
  type: 'string',
  format: 'url',
  description: 'Address of the server, with a path where it stands behind a proxy.',
}

export const passwordSchema: PropertySchema = {
  type: 'string',
  secret: true,
  description: 'Password of `username`.',
}

export const timeoutSchema: PropertySchema = {
  type: 'string',
  format: 'duration',
  default: '30s',
  description: 'How long one request may take in all, from connecting to the last byte of the answer.',
}

export const gzipSchema: PropertySchema = {
  type: 'boolean',
  default: false,
  description:
    'Compress request bodies above 4 KiB. For a slow or metered network: it costs more than it saves on others.',
}

export const tlsSchema: PropertySchema = {
  type: 'object',
  advanced: true,
  description: 'Certificates for an `https` address.',
  properties: {
    ...tlsProperties('server'),
    fingerprint: {
      type: 'string',
      pattern: '^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$',
      description:
        'SHA-256 of the server’s certificate, or of its authority’s where the server sends it along, in hex. It is trusted by that; with `ca`, both must be right.',
      errorMessage: 'must be a SHA-256: 64 hex digits, with or without colons',
    },
  },
}

/** What is wrong with the address beyond its format; for a connector's own check. */
export function urlProblem(url: string): string | undefined {
  const { username, password, search, hash } = new URL(url)
  if (username !== '' || password !== '') return 'credentials in an address end up in logs'
  return search !== '' || hash !== '' ? 'the address has a query or a fragment' : undefined
}
