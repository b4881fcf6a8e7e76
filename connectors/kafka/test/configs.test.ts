import { describe, expect, it } from '@jest/globals'
import { validateOptions } from '@connect-run/core/runtime'
import { checkSink, producerSettings, sinkSchema, type KafkaSinkConfig } from '../src/sink-config.ts'
import { checkSource, consumerSettings, type KafkaSourceConfig, sourceSchema } from '../src/source-config.ts'

function source(options: object): KafkaSourceConfig {
  const { config, issues } = validateOptions(sourceSchema as never, { brokers: 'a:1,b:2', topics: ['t'], ...options })
  if (config === undefined) throw new Error(JSON.stringify(issues))
  return config as unknown as KafkaSourceConfig
}

function sink(options: object): KafkaSinkConfig {
  const { config, issues } = validateOptions(sinkSchema as never, { brokers: ['a:1', 'b:2'], topic: 't', ...options })
  if (config === undefined) throw new Error(JSON.stringify(issues))
  return config as unknown as KafkaSinkConfig
}

const member = { groupId: 'g', clientId: 'c', instanceId: 'host-0' }

describe('the settings of a consumer', () => {
  it('keep positions with the runtime, and topic settings apart', () => {
    const { global, topic } = consumerSettings(source({}), member, 'balanced')
    expect(global).toMatchObject({
      'bootstrap.servers': 'a:1,b:2',
      'group.id': 'g',
      'group.instance.id': 'host-0',
      'security.protocol': 'plaintext',
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'isolation.level': 'read_committed',
      'partition.assignment.strategy': 'cooperative-sticky',
    })
    expect(topic).toEqual({ 'auto.offset.reset': 'error' })
  })

  it('carry TLS and SASL', () => {
    const pem = '-----BEGIN CERTIFICATE-----\n…'
    const options = {
      tls: { ca: pem, cert: '/c.pem', key: '/k.pem', keyPassword: 'kp' },
      auth: { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
    }
    expect(consumerSettings(source(options), member, 'balanced').global).toMatchObject({
      'security.protocol': 'sasl_ssl',
      'ssl.ca.pem': pem,
      'ssl.certificate.location': '/c.pem',
      'ssl.key.location': '/k.pem',
      'ssl.key.password': 'kp',
      'ssl.endpoint.identification.algorithm': 'https',
      'sasl.mechanisms': 'SCRAM-SHA-512',
      'sasl.username': 'u',
      'sasl.password': 'p',
    })
    const open = consumerSettings(source({ tls: { verify: false } }), member, 'balanced').global
    expect(open).toMatchObject({ 'security.protocol': 'ssl', 'enable.ssl.certificate.verification': false })
  })

  it('carry tokens, fixed or fetched', () => {
    const fixed = consumerSettings(source({ auth: { mechanism: 'oauthbearer', token: 'abc' } }), member, 'balanced')
    expect(fixed.token).toBe('abc')
    expect(JSON.stringify(fixed.global)).not.toContain('abc')
    const auth = { mechanism: 'oauthbearer', url: 'https://id/token', clientId: 'me', clientSecret: 's' }
    expect(consumerSettings(source({ auth }), member, 'balanced').global).toMatchObject({
      'sasl.oauthbearer.method': 'oidc',
      'sasl.oauthbearer.token.endpoint.url': 'https://id/token',
      'sasl.oauthbearer.client.id': 'me',
      'sasl.oauthbearer.client.secret': 's',
    })
  })

  it('take properties where librdkafka looks for them', () => {
    const properties = { 'fetch.min.bytes': 65536, 'queued.min.messages': 10, 'consume.callback.max.messages': 5 }
    const { global, topic } = consumerSettings(source({ properties }), member, 'balanced')
    expect(global).toMatchObject({ 'fetch.min.bytes': 65536, 'queued.min.messages': 10 })
    expect(topic).toMatchObject({ 'consume.callback.max.messages': 5 })
  })
})

const role = { clientId: 'c', transactionalId: undefined }

describe('the settings of a producer', () => {
  it('wait for all replicas, as topic settings', () => {
    const { global, topic } = producerSettings(sink({ deliveryTimeout: '2m', linger: '20ms', compression: 'zstd' }), {
      ...role,
      latency: 'balanced',
    })
    expect(global).toMatchObject({ 'enable.idempotence': true, 'linger.ms': 20, 'message.max.bytes': 1_000_000 })
    expect(topic).toEqual({
      acks: -1,
      'compression.codec': 'zstd',
      partitioner: 'murmur2_random',
      'message.timeout.ms': 120_000,
    })
  })
})

describe('the latency of a pipeline', () => {
  it.each([
    ['low', 0, 1],
    ['balanced', 2, 1],
    ['throughput', 5, 65_536],
  ] as const)('`%s` sets how long is gathered, unless the user does', (latency, linger, bytes) => {
    expect(producerSettings(sink({}), { ...role, latency }).global).toMatchObject({ 'linger.ms': linger })
    expect(producerSettings(sink({ linger: '7ms' }), { ...role, latency }).global).toMatchObject({ 'linger.ms': 7 })
    expect(consumerSettings(source({}), member, latency).global).toMatchObject({ 'fetch.min.bytes': bytes })
    const own = source({ properties: { 'fetch.min.bytes': 9 } })
    expect(consumerSettings(own, member, latency).global).toMatchObject({ 'fetch.min.bytes': 9 })
  })
})

describe('the check of a config', () => {
  it.each([
    ['enable.auto.commit', 'positions pass when the sink has the records'],
    ['group.id', 'it is the option `groupId`'],
    ['sasl.password', 'kept out of logs'],
    ['rebalance_cb', 'not for configs'],
    ['test.mock.num.brokers', 'not for configs'],
  ])('refuses the property %s with the reason', (name, reason) => {
    const [issue, ...others] = checkSource(source({ properties: { [name]: 'x' } }))
    expect(others).toEqual([])
    expect(issue).toMatchObject({ path: ['properties', name], message: expect.stringContaining(reason) })
  })

  it.each(['acks', 'enable.idempotence', 'transactional.id', 'message.max.bytes'])('refuses %s at a sink', (name) => {
    expect(checkSink(sink({ properties: { [name]: 'x' } }))).toMatchObject([{ path: ['properties', name] }])
  })

  it('asks for what a login needs', () => {
    const missing = (auth: object): unknown[] => checkSource(source({ auth })).map(({ path }) => path)
    expect(missing({ mechanism: 'plain', username: 'u' })).toEqual([['auth', 'password']])
    expect(missing({ mechanism: 'oauthbearer' })).toEqual([['auth', 'token']])
    expect(missing({ mechanism: 'oauthbearer', url: 'https://id' })).toEqual([
      ['auth', 'clientId'],
      ['auth', 'clientSecret'],
    ])
    expect(missing({ mechanism: 'gssapi' })).toEqual([])
  })

  it('asks for both halves of a client certificate', () => {
    expect(checkSource(source({ tls: { cert: '/c.pem' } }))).toMatchObject([{ path: ['tls', 'key'] }])
  })

  it('takes either topics or a pattern', () => {
    expect(() => source({ topicPattern: 'a' })).toThrow('needs either `topics` or `topicPattern`')
    expect(() => source({ topics: undefined })).toThrow()
  })

  it.each(['\\d+', 'a(?=b)', 'a*?'])('refuses a pattern that would match something else: %s', (topicPattern) => {
    const { topics: _, ...rest } = source({})
    expect(checkSource({ ...rest, topicPattern })).toMatchObject([{ path: ['topicPattern'] }])
  })

  it('takes times that exist', () => {
    expect(() => source({ startAt: 'yesterday' })).toThrow('must be `earliest`, `latest` or a time')
    expect(checkSource(source({ startAt: '2026-13-45T00:00:00Z' }))).toMatchObject([{ path: ['startAt'] }])
    expect(checkSource(source({ startAt: '2026-01-31', endAt: '2026-02-01T00:00:00+02:00' }))).toEqual([])
  })

  it.each(['${who}', 'a${', 'a/b', 'naïve-${topic}'])('refuses the topic template %s', (topic) => {
    expect(checkSink(sink({ topic }))).toMatchObject([{ path: ['topic'] }])
  })
})
