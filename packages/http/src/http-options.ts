import type { PropertySchema } from '@connect-run/core'

/** How a TLS connection is made; the same keys in every connector. */
export interface TlsConfig {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly keyPassword?: string
  readonly verify?: boolean
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
    ca: {
      type: 'string',
      description: 'Certificate authority to trust instead of the system’s: path of a PEM file, or the PEM itself.',
    },
    cert: { type: 'string', description: 'Client certificate: path of a PEM file, or the PEM itself.' },
    key: { type: 'string', secret: true, description: 'Key of `cert`: path of a PEM file, or the PEM itself.' },
    keyPassword: { type: 'string', secret: true, description: 'Password of `key`.' },
    verify: {
      type: 'boolean',
      default: true,
      description: 'Check the server’s certificate and name. Off, anybody on the way can read and change what is sent.',
    },
  },
}

/** What is wrong with the address beyond its format; for a connector's own check. */
export function urlProblem(url: string): string | undefined {
  const { username, password, search, hash } = new URL(url)
  if (username !== '' || password !== '') return 'credentials in an address end up in logs'
  return search !== '' || hash !== '' ? 'the address has a query or a fragment' : undefined
}
