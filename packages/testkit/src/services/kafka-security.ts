import type { Certificates } from './certificates.ts'
import { freePort } from './free-port.ts'

/** What a client needs to know of the guarded listeners. Each address lists all brokers. */
export interface KafkaSecurity extends Certificates {
  /** TLS. */
  readonly tls: string
  /** TLS that asks for a client certificate. */
  readonly mutualTls: string
  /** SASL over TLS: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER (unsecured tokens). */
  readonly saslTls: string
  /** The same without TLS. */
  readonly sasl: string
  readonly username: string
  readonly password: string
}

/** The ports of one broker's guarded listeners. */
export type SecurePorts = Readonly<Record<keyof typeof LISTENERS, number>>

const LISTENERS = {
  tls: { name: 'TLS', protocol: 'SSL' },
  mutualTls: { name: 'MUTUALTLS', protocol: 'SSL' },
  saslTls: { name: 'SASLTLS', protocol: 'SASL_SSL' },
  sasl: { name: 'SASLPLAIN', protocol: 'SASL_PLAINTEXT' },
} as const

const KINDS = Object.keys(LISTENERS) as (keyof typeof LISTENERS)[]
const USERNAME = 'tester'
const PASSWORD = 'tester-secret'
const MODULES = 'org.apache.kafka.common.security'

/** The arguments of the storage tool that make the SCRAM user. */
export const SCRAM_USERS: readonly string[] = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
  '--add-scram',
  `${mechanism}=[name=${USERNAME},password=${PASSWORD}]`,
])

export async function securePorts(): Promise<SecurePorts> {
  const ports = await Promise.all(KINDS.map(async (kind) => [kind, await freePort()]))
  return Object.fromEntries(ports) as SecurePorts
}

export function kafkaSecurity(certificates: Certificates, brokers: readonly SecurePorts[]): KafkaSecurity {
  const address = (kind: keyof SecurePorts): string => brokers.map((ports) => `127.0.0.1:${ports[kind]}`).join(',')
  return {
    ...certificates,
    tls: address('tls'),
    mutualTls: address('mutualTls'),
    saslTls: address('saslTls'),
    sasl: address('sasl'),
    username: USERNAME,
    password: PASSWORD,
  }
}

/** `TLS://127.0.0.1:20001,…` */
export function secureListeners(ports: SecurePorts): string {
  return KINDS.map((kind) => `${LISTENERS[kind].name}://127.0.0.1:${ports[kind]}`).join(',')
}

/** `TLS:SSL,…` */
export const SECURE_PROTOCOLS: string = KINDS.map((kind) => `${LISTENERS[kind].name}:${LISTENERS[kind].protocol}`).join(
  ',',
)

export function secureProperties({ caFile, keystoreFile }: Certificates): Record<string, string> {
  const sasl = ['sasltls', 'saslplain'].flatMap((name) => [
    [`listener.name.${name}.sasl.enabled.mechanisms`, 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER'],
    [jaas(name, 'plain'), `${MODULES}.plain.PlainLoginModule required user_${USERNAME}="${PASSWORD}";`],
    [jaas(name, 'scram-sha-256'), `${MODULES}.scram.ScramLoginModule required;`],
    [jaas(name, 'scram-sha-512'), `${MODULES}.scram.ScramLoginModule required;`],
    [jaas(name, 'oauthbearer'), `${MODULES}.oauthbearer.OAuthBearerLoginModule required;`],
  ])
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keystoreFile,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': caFile,
    'listener.name.mutualtls.ssl.client.auth': 'required',
    ...(Object.fromEntries(sasl) as Record<string, string>),
  }
}

function jaas(listener: string, mechanism: string): string {
  return `listener.name.${listener}.${mechanism}.sasl.jaas.config`
}
