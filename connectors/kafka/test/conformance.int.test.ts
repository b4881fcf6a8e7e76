import { randomUUID } from 'node:crypto'
import { describeSink, describeSource } from '@connect-run/testkit/conformance'
import { type ProducedRecord, freePort, kafkaAt, service } from '@connect-run/testkit/services'
import plugin from '../src/plugin.ts'
import { paths } from './paths.ts'

const kafka = await service('kafka')

/** Records of the checks are old by their timestamps. */
const forever = { 'retention.ms': '-1' }

kafka.describe('kafka', () => {
  const topics = kafkaAt(kafka.address)

  for (const [path, packed] of paths) {
    describeSource(`kafka, ${path}`, {
      plugin,
      deadlineMs: 20_000,
      options: async () => {
        const topic = `conformance-${randomUUID()}`
        await topics.createTopic(topic, { partitions: 2, config: forever })
        return { brokers: kafka.address, topics: [topic], groupId: topic, instanceId: '', packed }
      },
      seed: (options, records) =>
        topics.produce(
          (options['topics'] as string[])[0]!,
          records.map(({ partition, key, value, headers }): ProducedRecord => ({
            partition,
            // An empty buffer of its own would arrive as null.
            value: value === null ? null : Buffer.concat([Buffer.from('x'), value]).subarray(1),
            key,
            headers: headers.map((header) => ({ [header.key]: header.value! })),
          })),
        ),
      unreachable: async () => ({
        brokers: `127.0.0.1:${await freePort()}`,
        topics: ['t'],
        connectTimeout: '500ms',
      }),
      carries: { keys: true, headers: true, tombstones: true, emptyValues: true, largestValueBytes: 900_000 },
      cleanUp: (options) => topics.deleteTopic((options['topics'] as string[])[0]!),
    })

    describeSink(`kafka, ${path}`, {
      plugin,
      deadlineMs: 20_000,
      options: async () => {
        const topic = `conformance-${randomUUID()}`
        await topics.createTopic(topic, { config: forever })
        return { brokers: kafka.address, topic, packed, maxRequestSize: '10KB' }
      },
      record: (n) => ({ key: `k${n}`, value: { n } }),
      poison: (n) => ({ value: { n, filler: 'x'.repeat(20_000) } }),
      read: async (options) => {
        const records = await topics.consumeAll(options['topic'] as string)
        return records.map(({ key, value }) =>
          value === null
            ? Number(key!.toString().replace(/\D/g, ''))
            : (JSON.parse(value.toString()) as { n: number }).n,
        )
      },
      unreachable: async () => ({
        brokers: `127.0.0.1:${await freePort()}`,
        topic: 't',
        connectTimeout: '500ms',
      }),
      cleanUp: (options) => topics.deleteTopic(options['topic'] as string),
    })
  }
})
