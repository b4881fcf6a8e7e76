import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { packRecords } from '@connect-run/core'
import { validateOptions } from '@connect-run/core/runtime'
import { testContext } from '@connect-run/testkit/conformance'
import { type KafkaCluster, type KafkaSecurity, service, startKafka } from '@connect-run/testkit/services'
import { KafkaSinkTask } from '../src/sink-task.ts'
import { type KafkaSinkConfig, sinkSchema } from '../src/sink-config.ts'
import { paths } from './paths.ts'
import { Reader } from './reader.ts'

const kafka = await service('kafka', { own: true })

kafka.describe('kafka with TLS and SASL', () => {
  let cluster: KafkaCluster

  beforeAll(async () => {
    cluster = await startKafka({ secured: true })
  }, 180_000)

  afterAll(() => cluster.stop())

  function security(): KafkaSecurity {
    return cluster.security!
  }

  const login = (mechanism: string): object => {
    const { username, password } = security()
    return mechanism === 'oauthbearer'
      ? { mechanism, token: unsecuredToken(username) }
      : { mechanism, username, password }
  }

  async function roundTrip(connection: object): Promise<void> {
    const topic = `secure-${randomUUID()}`
    await write({ ...connection, topic, createTopic: { partitions: 1 } }, 'hello')
    const reader = await Reader.start({ options: { ...connection, topics: [topic], groupId: topic } })
    await reader.rowsAre(1)
    await reader.stop()
    expect(reader.values).toEqual(['hello'])
  }

  const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']

  it.each(mechanisms)('writes and reads with %s over TLS', async (mechanism) => {
    const { saslTls, caFile } = security()
    await roundTrip({ brokers: saslTls, tls: { ca: caFile }, auth: login(mechanism) })
  })

  it.each(paths)('writes and reads with a login and no TLS (%s)', (_path, packed) =>
    roundTrip({ brokers: security().sasl, auth: login('plain'), packed }),
  )

  it.each(paths)('writes and reads with a client certificate (%s)', async (_path, packed) => {
    const { mutualTls, caFile, clientCertFile, clientKeyFile } = security()
    await roundTrip({ brokers: mutualTls, packed, tls: { ca: caFile, cert: clientCertFile, key: clientKeyFile } })
  })

  it('takes certificates as text', async () => {
    const { mutualTls, caFile, clientCertFile, clientKeyFile } = security()
    const [ca, cert, key] = await Promise.all(
      [caFile, clientCertFile, clientKeyFile].map((file) => readFile(file, 'utf8')),
    )
    await roundTrip({ brokers: mutualTls, tls: { ca, cert, key } })
  })

  describe('says what is wrong', () => {
    const failing = (options: object): Promise<unknown> =>
      Reader.start({
        options: { topics: ['t'], connectTimeout: '3s', ...options },
      }).catch((error: unknown) => error)

    it('with a password, without showing it', async () => {
      const { saslTls, caFile, username } = security()
      const auth = { mechanism: 'plain', username, password: 'wrong-secret' }
      // A broker that starts on a busy machine may take seconds to check the first password.
      const error = await failing({ brokers: saslTls, tls: { ca: caFile }, auth, connectTimeout: '15s' })
      expect(error).toMatchObject({ code: 'AUTH_FAILED', kind: 'fatal' })
      expect((error as Error).message).not.toContain('wrong-secret')
    })

    it.each<[string, (it: KafkaSecurity) => object]>([
      ['no login where one is asked for', ({ sasl }) => ({ brokers: sasl })],
      [
        'a login where none is asked for',
        ({ tls, caFile }) => ({ brokers: tls, tls: { ca: caFile }, auth: login('plain') }),
      ],
      ['no TLS where it is asked for', ({ saslTls }) => ({ brokers: saslTls, auth: login('plain') })],
      [
        'TLS where it is not asked for',
        ({ sasl, caFile }) => ({ brokers: sasl, tls: { ca: caFile }, auth: login('plain') }),
      ],
    ])('with %s', async (_, options) => {
      const error = await failing(options(security()))
      const hint = expect.stringMatching(/listener.*`tls` and `auth`/)
      expect(error).toMatchObject({ kind: 'retriable', code: 'UNREACHABLE', hint })
      expect((error as Error).message).not.toContain('suppressed')
    })

    it('with a certificate that nobody here has signed', async () => {
      const error = await failing({ brokers: security().tls, tls: {} })
      expect(error).toMatchObject({ code: 'UNREACHABLE', hint: expect.stringContaining('tls.ca') })
    })

    it('with a file that is not there', async () => {
      const error = await failing({ brokers: security().tls, tls: { ca: '/nowhere/ca.pem' } })
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('ssl.ca.location') })
    })
  })
})

async function write(options: object, value: string): Promise<void> {
  const { config, issues } = validateOptions(sinkSchema as never, options as never)
  if (config === undefined) throw new Error(JSON.stringify(issues))
  const task = new KafkaSinkTask()
  try {
    await task.start(testContext({ config: config as unknown as KafkaSinkConfig }))
    const row = { stream: 'in', partition: 0, offset: 0, timestamp: -1, key: null, value: Buffer.from(value) }
    await task.put(packRecords([row]), new AbortController().signal)
  } finally {
    await task.stop()
  }
}

/** A token without a signature, which Kafka's own handler for tests takes. */
function unsecuredToken(subject: string): string {
  const part = (content: object): string => Buffer.from(JSON.stringify(content)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now, exp: now + 3600 })}.`
}
