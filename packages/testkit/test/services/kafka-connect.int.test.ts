import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pollUntil } from '@connect-run/testkit'
import { kafkaAt, service, startKafkaConnect } from '@connect-run/testkit/services'
import { afterEach, beforeEach, expect, it } from '@jest/globals'

const kafka = await service('kafka')

kafka.describe('Kafka Connect', () => {
  const topics = kafkaAt(kafka.address)
  const topic = `testkit-connect-${process.pid}`
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'connect-run-connect-'))
    await topics.createTopic(topic)
  })

  afterEach(async () => {
    await topics.deleteTopic(topic)
    await rm(folder, { recursive: true })
  })

  it('moves the lines of a file through a topic to a file, and goes on after a stop and a kill', async () => {
    const [from, to] = [join(folder, 'test.txt'), join(folder, 'test.sink.txt')]
    await writeFile(from, 'foo\nbar\n')
    const worker = await startKafkaConnect({
      bootstrap: kafka.address,
      folder,
      connectors: [
        { name: 'source', config: { 'connector.class': 'FileStreamSource', file: from, topic } },
        { name: 'sink', config: { 'connector.class': 'FileStreamSink', file: to, topics: topic } },
      ],
    })
    const reads = (text: string): Promise<boolean> =>
      pollUntil(async () => (await readFile(to, 'utf8')) === text, { what: `the sink's file reads ${text}` })
    try {
      expect(worker.release).toBe('3.9.1')
      expect((await worker.status()).map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
        'sink RUNNING',
        'source RUNNING',
      ])
      await reads('foo\nbar\n')
      await worker.stop()
      expect(worker.pid).toBeUndefined()
      await appendFile(from, 'Another line\n')
      await worker.start()
      await reads('foo\nbar\nAnother line\n')
      const { pid } = worker
      await worker.kill()
      expect(() => process.kill(pid!, 0)).toThrow('ESRCH')
      await expect(worker.status()).rejects.toThrow()
      await worker.start()
      expect(worker.pid).toBeDefined()
    } finally {
      await worker.kill()
    }
  })
})
