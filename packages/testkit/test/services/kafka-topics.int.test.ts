import { kafkaAt, service } from '@connect-run/testkit/services'
import { expect, it } from '@jest/globals'

for (const name of ['kafka', 'kafka4'] as const) {
  const kafka = await service(name)

  kafka.describe(`topics of ${name}`, () => {
    const topics = kafkaAt(kafka.address)
    const topic = `testkit-${name}-${process.pid}`

    it('are created, grown, filled, read, committed for and deleted', async () => {
      await topics.createTopic(topic, { partitions: 2, config: { 'max.message.bytes': '100000' } })
      await expect(topics.createTopic(topic)).rejects.toMatchObject({ code: 36 })
      await topics.createPartitions(topic, 4)
      const total = 100_000
      function* records(): Iterable<{ partition: number; value: string }> {
        for (let index = 0; index < total; index++) yield { partition: index % 4, value: `{"n":${index}}` }
      }
      await topics.produce(topic, records(), { 'batch.size': 50_000 }) // a batch counts as one message to the limit
      expect(await topics.endOffsets(topic)).toEqual({ 0: 25_000, 1: 25_000, 2: 25_000, 3: 25_000 })
      const read = await topics.consumeAll(topic)
      expect(new Set(read.map(({ value }) => value!.toString())).size).toBe(total)

      await topics.commitOffsets('testkit-group', topic, { 1: 12 })
      expect(await topics.committedOffsets('testkit-group', topic)).toEqual({ 1: 12 })

      await expect(topics.produce(topic, [{ value: 'x'.repeat(200_000) }])).rejects.toThrow('too large')
      expect(await topics.topicNames()).toContain(topic)
      await topics.deleteTopic(topic)
      expect(await topics.topicNames()).not.toContain(topic)
    })
  })
}
