import { beforeEach, describe, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { type IndexDestination, indexDestination } from '../src/index-destination.ts'

describe('an index as destination', () => {
  const asked: string[] = []
  let operations: number
  let documents: number
  let now: number
  let used: number
  let destination: IndexDestination

  beforeEach(async () => {
    asked.length = 0
    operations = documents = 0
    now = 1000
    used = 7
    const server = {
      request: <T>(): Promise<T> =>
        Promise.resolve({ _all: { primaries: { indexing: { index_total: operations } } } } as T),
      count: () => Promise.resolve(documents),
      createIndex: (name: string) => Promise.resolve(void asked.push(`create ${name}`)),
      deleteIndex: (name: string) => Promise.resolve(void asked.push(`delete ${name}`)),
    }
    const usedSeconds = (): Promise<number> => Promise.resolve(used)
    destination = await indexDestination({ server, index: 'readings', usedSeconds, now: () => now })
  })

  it('knows when operations came, and what the server has used for them', async () => {
    operations = 10
    await pollUntil(async () => (await destination.arrived()) === 10, { what: 'ten operations' })
    now = 3000
    operations = documents = 30
    used = 9.5
    const { tally, cpuSeconds } = await destination.count()
    expect(tally).toEqual({ records: 30, firstRecords: 10, firstAt: 1000, lastAt: 3000 })
    expect(cpuSeconds).toBe(2.5)
  })

  it('counts documents, not operations: one that was written twice is one', async () => {
    operations = 31
    documents = 30
    expect((await destination.count()).tally.records).toBe(30)
  })

  it('is there before anything comes, and is removed', async () => {
    expect(asked).toEqual(['create readings'])
    await destination.close()
    expect(asked).toEqual(['create readings', 'delete readings'])
  })
})
