import { expect, it } from '@jest/globals'
import Kafka, { type Metadata } from '@connect-run/connector-kafka/client'
import { startCnosdbProcess } from '../../src/embedded/cnosdb-process.ts'
import { startEmbedded } from '../../src/embedded/index.ts'
import { startMockKafka } from '../../src/embedded/mock-kafka.ts'

async function brokersSeenBy(bootstrap: string): Promise<Metadata['brokers']> {
  const client = new Kafka.Producer({ 'bootstrap.servers': bootstrap, log_level: 0 })
  const metadata = await new Promise<Metadata>((resolve, reject) => {
    client.connect({ allTopics: false, timeout: 5000 }, (error, found) => (error ? reject(error) : resolve(found)))
  })
  await new Promise((resolve) => client.disconnect(resolve))
  return metadata.brokers
}

it('brings up Kafka and CnosDB within a second and answers queries', async () => {
  const begin = performance.now()
  const embedded = await startEmbedded()
  const took = performance.now() - begin
  const { KAFKA_BROKERS, CNOSDB_URL } = embedded.env
  try {
    expect(took).toBeLessThan(1000)
    expect(await brokersSeenBy(KAFKA_BROKERS)).toHaveLength(1)
    const headers = { authorization: `Basic ${btoa('root:')}` }
    const body = 'kafka_consumer,partition=0 pressure=1 1700000000000000000\n'
    const response = await fetch(`${CNOSDB_URL}/api/v1/write?db=public`, { method: 'POST', headers, body })
    expect(response.status).toBe(200)
    expect(await embedded.query('select * from kafka_consumer')).toEqual({
      columns: ['time', 'partition', 'pressure'],
      rows: [['2023-11-14T22:13:20.000000000', '0', '1.0']],
    })
    await expect(embedded.query('select nothing')).rejects.toMatchObject({ code: '010009' })
  } finally {
    await embedded.stop()
  }
  await expect(fetch(CNOSDB_URL)).rejects.toThrow('fetch failed')
})

it('makes a cluster of several brokers', async () => {
  const kafka = await startMockKafka({ brokers: 3 })
  try {
    expect(kafka.bootstrap.split(',')).toHaveLength(3)
    expect(await brokersSeenBy(kafka.bootstrap)).toHaveLength(3)
  } finally {
    await kafka.stop()
  }
})

it('runs the stand-in as a process of its own', async () => {
  const cnosdb = await startCnosdbProcess()
  try {
    expect(cnosdb.pid).not.toBe(process.pid)
    const response = await fetch(`${cnosdb.url}/write?db=public`, { method: 'POST', body: 'm f=1 1' })
    expect(response.status).toBe(200)
    const count = await fetch(`${cnosdb.adminUrl}/count?table=m`)
    expect(await count.json()).toEqual({ count: 1 })
  } finally {
    await cnosdb.stop()
  }
  await expect(fetch(cnosdb.url)).rejects.toThrow('fetch failed')
})
