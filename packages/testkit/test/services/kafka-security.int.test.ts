import type { ClientProperties, KafkaCluster } from '@connect-run/testkit/services'
import { kafkaAt, service, startKafka } from '@connect-run/testkit/services'
import { afterAll, beforeAll, expect, it } from '@jest/globals'

for (const [name, version] of [
  ['kafka', '3.9'],
  ['kafka4', '4.2'],
] as const) {
  const kafka = await service(name, { own: true })

  kafka.describe(`guarded listeners of ${name}`, () => {
    let cluster: KafkaCluster
    const security = (): NonNullable<KafkaCluster['security']> => cluster.security!

    beforeAll(async () => {
      cluster = await startKafka({ version, secured: true })
      await cluster.createTopic('guarded')
    })
    afterAll(async () => {
      await cluster?.stop()
    })

    async function roundTrip(bootstrap: string, properties: ClientProperties): Promise<number> {
      const topics = kafkaAt(bootstrap, properties)
      const before = (await cluster.consumeAll('guarded')).length
      await topics.produce('guarded', [{ value: 'x' }])
      return (await topics.consumeAll('guarded')).length - before
    }

    it('take a client that trusts the authority', async () => {
      const { tls, caFile } = security()
      expect(await roundTrip(tls, { 'security.protocol': 'ssl', 'ssl.ca.location': caFile })).toBe(1)
    })

    it('take a client with a certificate', async () => {
      const { mutualTls, caFile, clientCertFile, clientKeyFile } = security()
      const client = { 'ssl.certificate.location': clientCertFile, 'ssl.key.location': clientKeyFile }
      expect(await roundTrip(mutualTls, { 'security.protocol': 'ssl', 'ssl.ca.location': caFile, ...client })).toBe(1)
    })

    it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('take a password by %s', async (mechanism) => {
      const { sasl, saslTls, username, password, caFile } = security()
      const user = { 'sasl.mechanism': mechanism, 'sasl.username': username, 'sasl.password': password }
      expect(await roundTrip(sasl, { 'security.protocol': 'sasl_plaintext', ...user })).toBe(1)
      const tls = { 'security.protocol': 'sasl_ssl', 'ssl.ca.location': caFile }
      expect(await roundTrip(saslTls, { ...tls, ...user })).toBe(1)
    })

    it('take an unsecured OAUTHBEARER token', async () => {
      const token = {
        'security.protocol': 'sasl_plaintext',
        'sasl.mechanism': 'OAUTHBEARER',
        'enable.sasl.oauthbearer.unsecure.jwt': true,
        'sasl.oauthbearer.config': 'principal=tester',
      }
      expect(await roundTrip(security().sasl, token)).toBe(1)
    })

    it('refuse a wrong password, a stranger and a client without a certificate', async () => {
      const { sasl, tls, mutualTls, username, caFile } = security()
      const impatient = { requestMs: 1_500 }
      const wrong = { 'sasl.mechanism': 'PLAIN', 'sasl.username': username, 'sasl.password': 'wrong' }
      const refused = [
        kafkaAt(sasl, { 'security.protocol': 'sasl_plaintext', ...wrong }, impatient),
        kafkaAt(tls, { 'security.protocol': 'ssl' }, impatient),
        kafkaAt(mutualTls, { 'security.protocol': 'ssl', 'ssl.ca.location': caFile }, impatient),
      ]
      for (const topics of refused) await expect(topics.topicNames()).rejects.toThrow()
    })
  })
}
