import type { KafkaCluster } from '@connect-run/testkit/services'
import { service, startKafka } from '@connect-run/testkit/services'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const kafka = await service('kafka', { own: true })

kafka.describe('a private broker', () => {
  let cluster: KafkaCluster

  beforeAll(async () => {
    cluster = await startKafka({ version: '3.9' })
  })
  afterAll(async () => {
    await cluster?.stop()
  })

  it('keeps its records and its port over stop, kill and start', async () => {
    const [broker] = cluster.brokers
    await cluster.createTopic('kept', { partitions: 2 })
    await cluster.produce('kept', [
      { partition: 0, key: 'a', value: 'one', timestamp: 1_000 },
      { partition: 1, value: null, headers: [{ reason: 'gone' }] },
    ])
    await broker!.stop()
    expect(broker!.pid).toBeUndefined()
    await broker!.start()
    await cluster.produce('kept', [{ partition: 0, value: 'two' }])
    await broker!.kill()
    await broker!.start()
    const records = await cluster.consumeAll('kept')
    expect(records.map(({ partition, offset, value }) => [partition, offset, value?.toString()])).toEqual([
      [0, 0, 'one'],
      [0, 1, 'two'],
      [1, 0, undefined],
    ])
    expect(records[0]).toMatchObject({ timestamp: 1_000, key: Buffer.from('a') })
    expect(String(records[2]?.headers[0]?.['reason'])).toBe('gone')
  })

  it('answers nothing while paused, and goes on when resumed', async () => {
    const [broker] = cluster.brokers
    const socket = connect(broker!.port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      // ApiVersions, version 0, correlation 1, no client id
      const request = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])
      socket.write(request)
      await once(socket, 'data')
      await broker!.pause()
      socket.write(request)
      const answer = once(socket, 'data')
      expect(await Promise.race([answer, delay(500, 'silence')])).toBe('silence')
      await broker!.resume()
      expect(await answer).toBeDefined()
    } finally {
      await broker!.resume()
      socket.destroy()
    }
  })

  it('deletes records as retention does', async () => {
    await cluster.createTopic('aged', { partitions: 1 })
    await cluster.produce(
      'aged',
      Array.from({ length: 10 }, (_, index) => ({ value: `${index}` })),
    )
    await cluster.deleteRecords('aged', { 0: 7 })
    expect(await cluster.beginOffsets('aged')).toEqual({ 0: 7 })
    expect(await cluster.endOffsets('aged')).toEqual({ 0: 10 })
    expect(await cluster.consumeAll('aged')).toHaveLength(3)
  })
})

kafka.describe('three brokers', () => {
  let cluster: KafkaCluster

  beforeAll(async () => {
    cluster = await startKafka({ version: '3.9', brokers: 3 })
  })
  afterAll(async () => {
    await cluster?.stop()
  })

  it('keep a replicated topic while one of them is dead', async () => {
    await cluster.createTopic('replicated', {
      partitions: 3,
      replicationFactor: 3,
      config: { 'min.insync.replicas': '2' },
    })
    await cluster.produce('replicated', [{ partition: 0, value: 'before' }])
    await cluster.brokers[0]!.kill()
    await cluster.produce('replicated', [{ partition: 0, value: 'after' }])
    const records = await cluster.consumeAll('replicated')
    expect(records.map(({ value }) => value?.toString())).toEqual(['before', 'after'])
  })
})
