/**
 * One concept, one name, in every connector. A synonym is a mistake of the connector's author: users who know one
 * connector must be able to guess the next.
 */
export const canonicalNames: ReadonlyMap<string, string> = new Map([
  ['host', 'url'],
  ['hosts', 'url'],
  ['server', 'url'],
  ['servers', 'url'],
  ['uri', 'url'],
  ['address', 'url'],
  ['addresses', 'url'],
  ['endpoint', 'url'],
  ['endpoints', 'url'],
  ['bootstrapServers', 'brokers'],
  ['brokerList', 'brokers'],
  ['user', 'username'],
  ['login', 'username'],
  ['pass', 'password'],
  ['passwd', 'password'],
  ['pwd', 'password'],
  ['ssl', 'tls'],
  ['db', 'database'],
  ['topicName', 'topic'],
  ['consumerGroup', 'groupId'],
  ['group', 'groupId'],
  ['filename', 'path'],
  ['file', 'path'],
  ['batchSize', 'batch'],
  ['maxRetries', 'retry'],
  ['retries', 'retry'],
  ['parallelism', 'concurrency'],
  ['maxInFlight', 'concurrency'],
  ['compress', 'compression'],
])

/** Options of every end, by the runtime. */
export const runtimeNames: Readonly<Record<'source' | 'sink', readonly string[]>> = {
  source: ['connector', 'key', 'value'],
  sink: ['connector', 'key', 'value', 'batch', 'concurrency', 'retry'],
}

/** Such an option must be marked `secret`. */
export const secretName: RegExp = /password|secret|token|apiKey|privateKey|passphrase|credentials/i
