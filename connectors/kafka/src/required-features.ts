import { ConnectError } from '@connect-run/core'
import type { AuthMechanism, ConnectionConfig } from './connection-config.ts'

/** What the build of librdkafka must contain for a config, each with the Debian package that brings it. */
interface Feature {
  readonly name: string
  readonly neededFor: string
  readonly debianPackage: string
}

const MECHANISM_FEATURES: Readonly<Record<AuthMechanism, { name: string; debianPackage: string }>> = {
  plain: { name: 'sasl_plain', debianPackage: 'libssl-dev' },
  'scram-sha-256': { name: 'sasl_scram', debianPackage: 'libssl-dev' },
  'scram-sha-512': { name: 'sasl_scram', debianPackage: 'libssl-dev' },
  oauthbearer: { name: 'sasl_oauthbearer', debianPackage: 'libssl-dev' },
  gssapi: { name: 'sasl_gssapi', debianPackage: 'libsasl2-dev' },
}

const COMPRESSIONS: Readonly<Record<string, string>> = { zstd: 'libzstd-dev', gzip: 'zlib1g-dev' }

function requiredFeatures(config: ConnectionConfig & { readonly compression?: string }): Feature[] {
  const features: Feature[] = []
  const { auth, tls, compression } = config
  if (tls !== undefined) features.push({ name: 'ssl', neededFor: '`tls`', debianPackage: 'libssl-dev' })
  if (auth !== undefined) {
    features.push({ ...MECHANISM_FEATURES[auth.mechanism], neededFor: `\`auth.mechanism: ${auth.mechanism}\`` })
  }
  if (auth?.url !== undefined) {
    features.push({ name: 'oidc', neededFor: '`auth.url`', debianPackage: 'libcurl4-openssl-dev' })
  }
  const library = COMPRESSIONS[compression ?? '']
  if (compression !== undefined && library !== undefined) {
    features.push({ name: compression, neededFor: `\`compression: ${compression}\``, debianPackage: library })
  }
  return features
}

/** Throws FEATURE_MISSING where the config needs what this build of librdkafka lacks. */
export function assertFeatures(
  config: ConnectionConfig & { readonly compression?: string },
  built: readonly string[],
): void {
  const missing = requiredFeatures(config).find(({ name }) => !built.includes(name))
  if (missing !== undefined) throw featureMissing(missing)
}

function featureMissing({ name, neededFor, debianPackage }: Feature): ConnectError {
  return new ConnectError('FEATURE_MISSING', `${neededFor} needs \`${name}\`, which this build of node-rdkafka lacks`, {
    hint: `Run \`apt-get install ${debianPackage} && npx pnpm rebuild node-rdkafka\`.`,
  })
}

/** A batch came in a compression that this build can't read; librdkafka does not say which. */
export function compressionMissing(built: readonly string[]): ConnectError {
  const name = built.includes('zstd') ? 'its compression' : 'zstd'
  return featureMissing({ name, neededFor: 'a record batch of the topic', debianPackage: 'libzstd-dev' })
}
