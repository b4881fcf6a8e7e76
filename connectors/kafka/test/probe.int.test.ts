import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { type ProbeContext, isConnectError } from '@connect-run/core'
import { validateOptions } from '@connect-run/core/runtime'
import { testContext } from '@connect-run/testkit/conformance'
import { type KafkaCluster, kafkaAt, service, startKafka } from '@connect-run/testkit/services'
import { probeSink, probeSource } from '../src/probe.ts'
import { sinkSchema } from '../src/sink-config.ts'
import { sourceSchema } from '../src/source-config.ts'

const [kafka, own] = [await service('kafka'), await service('kafka', { own: true })]

function contextOf(signal: AbortSignal = new AbortController().signal): ProbeContext {
  const { worker, clock, logger } = testContext({ config: {} })
  return { worker, pipeline: randomUUID(), clock, logger, signal, streams: undefined }
}

function source(options: object, context: ProbeContext = contextOf()): Promise<string> {
  return said(probeSource(validateOptions(sourceSchema, options as never).config!, context))
}

function sink(options: object): Promise<string> {
  return said(probeSink(validateOptions(sinkSchema, options as never).config!, contextOf()))
}

/** What was learned, or code, text and advice of what is wrong. */
async function said(probing: Promise<readonly string[]>): Promise<string> {
  try {
    return (await probing).join('; ')
  } catch (error) {
    if (!isConnectError(error)) throw error
    return `${error.code}: ${error.message} | ${error.hint ?? ''}`
  }
}

kafka.describe('a probe of a cluster', () => {
  const brokers = kafka.address
  const topics = kafkaAt(brokers)
  const topic = `probe-${randomUUID()}`
  const absent = `absent-${randomUUID()}`

  beforeAll(() => topics.createTopic(topic, { partitions: 3 }))
  afterAll(() => topics.deleteTopic(topic))

  it('finds the topics of a source', async () => {
    expect(await source({ brokers, topics: [topic] })).toBe(`topic ${topic} (3 partitions)`)
    expect(await source({ brokers, topicPattern: `${topic}$` })).toBe(`topic ${topic} (3 partitions)`)
  })

  it('finds a topic that is missing, and makes it for nobody', async () => {
    const missing = `TOPIC_MISSING: there is no topic ${absent} at ${brokers} | `
    expect(await source({ brokers, topics: [topic, absent] })).toContain(missing)
    expect(await sink({ brokers, topic: absent })).toContain(missing)
    expect(await sink({ brokers, topic: absent, createTopic: {} })).toBe(
      `topic ${absent} will be created; not checked: whether it may be written`,
    )
    expect(await source({ brokers, topicPattern: absent })).toBe(`no topic matches ${absent} yet`)
    await expect(topics.consumeAll(absent)).rejects.toThrow()
  })

  it('finds the topic of a sink, unless records name it', async () => {
    expect(await sink({ brokers, topic })).toBe(`topic ${topic} (3 partitions); not checked: whether it may be written`)
    expect(await sink({ brokers, topic: '${topic}.copy' })).toMatch(/^not checked: the topics that records name/)
  })

  it('finds a setting that the client does not take', async () => {
    const properties = { 'no.such.setting': 1 }
    expect(await source({ brokers, topics: [topic], properties })).toMatch(/^CONFIG_INVALID: .*no\.such\.setting/)
    expect(await sink({ brokers, topic, properties })).toMatch(/^CONFIG_INVALID: .*no\.such\.setting/)
  })

  it('ends as soon as its signal aborts', async () => {
    const mute = createServer().listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const started = performance.now()
    const address = `127.0.0.1:${(mute.address() as AddressInfo).port}`
    const silent = { brokers: address, topics: ['t'], connectTimeout: '3s' }
    await expect(source(silent, contextOf(AbortSignal.timeout(100)))).rejects.toThrow(/timeout/)
    expect(performance.now() - started).toBeLessThan(2000)
    mute.close()
  })
})

own.describe('a probe of a cluster with ACLs', () => {
  let cluster: KafkaCluster
  let connection: object
  const topic = 'guarded'
  const groupId = 'probed'

  beforeAll(async () => {
    const acls = {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
    }
    cluster = await startKafka({ secured: true, properties: acls })
    await cluster.createTopic(topic)
    const { sasl, username, password } = cluster.security!
    // A broker that starts on a busy machine may take seconds to check the first password.
    connection = { brokers: sasl, auth: { mechanism: 'plain', username, password }, connectTimeout: '15s' }
  }, 180_000)

  afterAll(() => cluster.stop())

  async function allow(operation: string, what: readonly string[]): Promise<void> {
    const user = `User:${cluster.security!.username}`
    const rule = ['--add', '--allow-principal', user, '--operation', operation, ...what]
    await cluster.tool('kafka.admin.AclCommand', ['--bootstrap-server', cluster.bootstrap, ...rule])
  }

  it('finds each right that a source lacks, one after the other', async () => {
    const probe = (): Promise<string> => source({ ...connection, topics: [topic], groupId })
    expect(await probe()).toMatch(/^TOPIC_MISSING: .*may not describe/)
    await allow('Describe', ['--topic', topic])
    expect(await probe()).toMatch(/^AUTH_FAILED: can't ask for the positions of the group probed: .*kafka-acls/)
    await allow('Read', ['--group', groupId])
    expect(await probe()).toMatch(/^AUTH_FAILED: can't read guarded: .*kafka-acls/)
    await allow('Read', ['--topic', topic])
    expect(await probe()).toBe('topic guarded (1 partition)')
    const groups = await cluster.tool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', [
      '--bootstrap-server',
      cluster.bootstrap,
      '--list',
    ])
    expect(groups).not.toContain(groupId)
  }, 120_000)

  it('finds a wrong password, without showing it', async () => {
    const auth = { mechanism: 'plain', username: cluster.security!.username, password: 'wrong-secret' }
    const found = await sink({ ...connection, auth, topic })
    expect(found).toMatch(/^AUTH_FAILED: /)
    expect(found).not.toContain('wrong-secret')
  }, 30_000)
})
