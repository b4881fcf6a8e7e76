import type { Properties } from './connection-config.ts'

/** Settings that mean the same to a consumer and a producer. */
const SHARED_PROPERTY = /^(ssl|sasl|security|socket|broker|reconnect|metadata|topic\.metadata|client)\./

export function sharedProperties(properties: Properties | undefined): Properties {
  return Object.fromEntries(Object.entries(properties ?? {}).filter(([name]) => SHARED_PROPERTY.test(name)))
}
