import { type TlsConfig, isPem } from '@connect-run/core'
import { type AuthConfig, type ConnectionConfig, type Properties, brokerList } from './connection-config.ts'

/**
 * What a client is made from. Topic settings are a separate argument of the client: librdkafka's binding drops them
 * silently among the global ones.
 */
export interface ClientSettings {
  readonly global: Properties
  readonly topic: Properties
  /** A fixed OAUTHBEARER token, set before the first connection. */
  readonly token?: string
}

/** Names that librdkafka only knows as topic settings. */
const TOPIC_SETTINGS: ReadonlySet<string> = new Set([
  'request.required.acks',
  'acks',
  'request.timeout.ms',
  'message.timeout.ms',
  'delivery.timeout.ms',
  'queuing.strategy',
  'partitioner',
  'msg_order_cmp',
  'compression.level',
  'auto.commit.enable',
  'auto.offset.reset',
  'consume.callback.max.messages',
])

/** Settings that both clients own, and why. */
export const OWNED_BY_CONNECTION: ReadonlyMap<string, string> = new Map([
  ['bootstrap.servers', 'it is the option `brokers`'],
  ['metadata.broker.list', 'it is the option `brokers`'],
  ['client.id', 'it is the option `clientId`'],
  ['security.protocol', 'it follows from `tls` and `auth`'],
  ['sasl.mechanism', 'it is the option `auth.mechanism`'],
  ['sasl.mechanisms', 'it is the option `auth.mechanism`'],
  ['sasl.username', 'it is the option `auth.username`'],
  ['sasl.password', 'it is the option `auth.password`, which is kept out of logs'],
  ['sasl.oauthbearer.client.secret', 'it is the option `auth.clientSecret`, which is kept out of logs'],
  ['ssl.key.password', 'it is the option `tls.keyPassword`, which is kept out of logs'],
  ['ssl.keystore.password', 'use `tls.cert` and `tls.key`'],
  ['ssl.key.pem', 'it is the option `tls.key`, which is kept out of logs'],
  ['enable.ssl.certificate.verification', 'it is the option `tls.verify`'],
  ['ssl.endpoint.identification.algorithm', 'it is the option `tls.verify`'],
])

/** Adds the user's settings to the runtime's, each where librdkafka looks for it. */
export function clientSettings(
  connection: ConnectionConfig,
  own: { readonly global: Properties; readonly topic: Properties },
): ClientSettings {
  const user = Object.entries(connection.properties ?? {})
  const token = connection.auth?.mechanism === 'oauthbearer' ? connection.auth.token : undefined
  return {
    global: {
      'bootstrap.servers': brokerList(connection.brokers),
      'socket.keepalive.enable': true,
      'reconnect.backoff.max.ms': 2000,
      ...security(connection),
      ...own.global,
      ...Object.fromEntries(user.filter(([name]) => !TOPIC_SETTINGS.has(name))),
    },
    topic: { ...own.topic, ...Object.fromEntries(user.filter(([name]) => TOPIC_SETTINGS.has(name))) },
    ...(token === undefined ? {} : { token }),
  }
}

function security({ tls, auth }: ConnectionConfig): Properties {
  const encrypted = tls !== undefined
  const protocol = `${auth === undefined ? '' : 'sasl_'}${encrypted ? 'ssl' : 'plaintext'}`
  return {
    'security.protocol': protocol,
    ...(encrypted ? tlsSettings(tls) : {}),
    ...(auth === undefined ? {} : authSettings(auth)),
  }
}

function tlsSettings({ ca, cert, key, keyPassword, verify = true }: TlsConfig): Properties {
  return {
    ...pemSetting('ssl.ca', ca),
    ...pemSetting('ssl.certificate', cert),
    ...pemSetting('ssl.key', key),
    ...defined({ 'ssl.key.password': keyPassword }),
    'enable.ssl.certificate.verification': verify,
    'ssl.endpoint.identification.algorithm': verify ? 'https' : 'none',
  }
}

function pemSetting(name: string, value: string | undefined): Properties {
  if (value === undefined) return {}
  return { [isPem(value) ? `${name}.pem` : `${name}.location`]: value }
}

function authSettings(auth: AuthConfig): Properties {
  return defined({
    'sasl.mechanisms': auth.mechanism.toUpperCase(),
    'sasl.username': auth.username,
    'sasl.password': auth.password,
    'sasl.oauthbearer.method': auth.url === undefined ? undefined : 'oidc',
    'sasl.oauthbearer.token.endpoint.url': auth.url,
    'sasl.oauthbearer.client.id': auth.clientId,
    'sasl.oauthbearer.client.secret': auth.clientSecret,
    'sasl.oauthbearer.scope': auth.scope,
  })
}

function defined(settings: Readonly<Record<string, string | undefined>>): Properties {
  return Object.fromEntries(
    Object.entries(settings).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
