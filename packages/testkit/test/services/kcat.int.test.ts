import { kafkaAt, runCommand, service } from '@connect-run/testkit/services'
import { expect, it } from '@jest/globals'

const kafka = await service('kafka')
const kcat = await service('kcat')

kafka.describe('kcat', () => {
  kcat.describe('beside our client', () => {
    it('writes what the client reads', async () => {
      const topics = kafkaAt(kafka.address)
      const topic = `testkit-kcat-${process.pid}`
      await topics.createTopic(topic)
      await runCommand([kcat.address, '-P', '-b', kafka.address, '-t', topic, '-K', ':'], { input: 'a:1\nb:2\n' })
      const records = await topics.consumeAll(topic)
      expect(records.map(({ key, value }) => `${key?.toString()}=${value?.toString()}`)).toEqual(['a=1', 'b=2'])
      await topics.deleteTopic(topic)
    })
  })
})
