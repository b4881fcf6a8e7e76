import { type ConfigIssue, type PropertySchema, type TlsConfig, tlsProperties } from '@connect-run/core'

export type AuthMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer' | 'gssapi'

export interface AuthConfig {
  readonly mechanism: AuthMechanism
  readonly username?: string
  readonly password?: string
  readonly token?: string
  readonly url?: string
  readonly clientId?: string
  readonly clientSecret?: string
  readonly scope?: string
}

export type Properties = Readonly<Record<string, string | number | boolean>>

/** How to reach a cluster; the same at a source and a sink. */
export interface ConnectionConfig {
  readonly brokers: string | readonly string[]
  readonly clientId?: string
  readonly connectTimeout: number
  readonly tls?: TlsConfig
  readonly auth?: AuthConfig
  readonly packed: boolean
  readonly properties?: Properties
}

const tlsOptions: PropertySchema = {
  type: 'object',
  description: 'Encrypts the connection. `tls: {}` is enough where the brokers have publicly signed certificates.',
  properties: tlsProperties('broker'),
}

const authOptions: PropertySchema = {
  type: 'object',
  description: 'Who logs in, by SASL.',
  required: ['mechanism'],
  properties: {
    mechanism: {
      type: 'string',
      enum: ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer', 'gssapi'],
      description: '`gssapi` (Kerberos) takes its settings from `properties` (`sasl.kerberos.…`).',
    },
    username: { type: 'string', minLength: 1, description: 'For `plain` and `scram-…`.' },
    password: { type: 'string', secret: true, description: 'For `plain` and `scram-…`.' },
    token: { type: 'string', secret: true, description: 'A fixed token for `oauthbearer`.' },
    url: {
      type: 'string',
      format: 'url',
      description: 'Where `oauthbearer` gets its tokens (OIDC client credentials).',
    },
    clientId: { type: 'string', minLength: 1, description: 'The client known at `url`.' },
    clientSecret: { type: 'string', secret: true, description: 'The secret of the client at `url`.' },
    scope: { type: 'string', minLength: 1, description: 'The scope asked for at `url`.' },
  },
}

/** The options that a source and a sink share. */
export const connectionOptions: { readonly [Key in keyof ConnectionConfig]-?: PropertySchema } = {
  brokers: {
    description: 'Where to find the cluster: `host:port`, several as a list or with commas.',
    examples: ['127.0.0.1:9092'],
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 },
    ],
  },
  clientId: {
    type: 'string',
    minLength: 1,
    advanced: true,
    description: 'How the brokers call this client in logs and quotas. Default `connect-<name>-<pipeline>`.',
  },
  connectTimeout: {
    type: 'string',
    format: 'duration',
    default: '5s',
    advanced: true,
    description: 'How long to wait for the first broker to answer before the attempt counts as failed.',
  },
  tls: tlsOptions,
  auth: authOptions,
  packed: {
    type: 'boolean',
    default: true,
    advanced: true,
    description: 'Moves records in packed batches where the client can. Off, for comparison, one by one.',
  },
  properties: {
    type: 'object',
    advanced: true,
    description: 'Settings of librdkafka by their own names. Those that the runtime must own are refused.',
    examples: [{ 'session.timeout.ms': 30000 }],
    additionalProperties: {
      description: 'A value as librdkafka takes it.',
      anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }],
    },
  },
}

export function brokerList(brokers: ConnectionConfig['brokers']): string {
  return typeof brokers === 'string' ? brokers : brokers.join(',')
}

/** What of the shared options a schema can't say. */
export function checkConnection(config: ConnectionConfig, owned: ReadonlyMap<string, string>): ConfigIssue[] {
  return [...checkAuth(config.auth), ...checkTls(config.tls), ...checkProperties(config.properties, owned)]
}

function checkAuth(auth: AuthConfig | undefined): ConfigIssue[] {
  if (auth === undefined) return []
  const { mechanism } = auth
  const needed = neededFor(auth).filter((name) => auth[name] === undefined || auth[name] === '')
  return needed.map((name) => ({
    path: ['auth', name],
    message: `\`auth.mechanism: ${mechanism}\` needs \`auth.${name}\``,
    hint: `Set \`${name}\` below \`auth\`.`,
  }))
}

function neededFor(auth: AuthConfig): readonly (keyof AuthConfig)[] {
  if (auth.mechanism === 'gssapi') return []
  if (auth.mechanism !== 'oauthbearer') return ['username', 'password']
  if (auth.url !== undefined) return ['clientId', 'clientSecret']
  return ['token']
}

function checkTls(options: TlsConfig | undefined): ConfigIssue[] {
  if (options === undefined || (options.cert === undefined) === (options.key === undefined)) return []
  const missing = options.cert === undefined ? 'cert' : 'key'
  return [{ path: ['tls', missing], message: 'a client certificate needs both `tls.cert` and `tls.key`' }]
}

function checkProperties(properties: Properties | undefined, owned: ReadonlyMap<string, string>): ConfigIssue[] {
  return Object.keys(properties ?? {}).flatMap((name) => {
    const reason =
      owned.get(name) ?? (name.endsWith('_cb') || name.includes('test.mock') ? 'it is not for configs' : undefined)
    return reason === undefined
      ? []
      : [
          {
            path: ['properties', name],
            message: `\`${name}\` can't be set here: ${reason}`,
            hint: 'Remove it from `properties`.',
          },
        ]
  })
}
