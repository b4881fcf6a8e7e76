import type { PropertySchema } from './config-schema.ts'

/** How a TLS connection is made; the same keys wherever one is. `ca`, `cert` and `key` are PEM texts or paths of them. */
export interface TlsConfig {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly keyPassword?: string
  /** Default true. */
  readonly verify?: boolean
}

/** Whether that is a PEM text; a path otherwise. */
export function isPem(textOrPath: string): boolean {
  return textOrPath.includes('-----BEGIN ')
}

/** The options of a `TlsConfig`. The peer (`server`, `broker`) is whose certificate is checked. */
export function tlsProperties(peer: string): Readonly<Record<keyof TlsConfig, PropertySchema>> {
  return {
    ca: {
      type: 'string',
      minLength: 1,
      description: 'Certificate authority to trust instead of the system’s: path of a PEM file, or the PEM itself.',
    },
    cert: { type: 'string', minLength: 1, description: 'Client certificate: path of a PEM file, or the PEM itself.' },
    key: { type: 'string', secret: true, description: 'Key of `cert`: path of a PEM file, or the PEM itself.' },
    keyPassword: { type: 'string', secret: true, description: 'Password of `key`.' },
    verify: {
      type: 'boolean',
      default: true,
      description: `Check the ${peer}’s certificate and name. Off, anybody on the way can read and change what is sent.`,
    },
  }
}
