import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { type SearchServer, service, startSearch } from '@connect-run/testkit/services'
import { ElasticsearchSinkTask } from '../src/sink-task.ts'
import { type TestRecord, batchOf, contextOf, settle, sinkConfig, why } from './support.ts'

const { signal } = new AbortController()
const KIB = 1024
const START_MS = 120_000

/** Everything that one server can be too small in. */
const settings = {
  'thread_pool.write.size': 1,
  'thread_pool.write.queue_size': 1,
  'indexing_pressure.memory.limit': '80kb',
  'http.max_content_length': '64kb',
}
/** Without a write to the disk for each request, which here would take most of the time. */
const shards = (number_of_shards: number): object => ({
  settings: { number_of_shards, number_of_replicas: 0, 'index.translog.durability': 'async' },
})

for (const flavor of ['opensearch', 'elasticsearch7', 'elasticsearch8'] as const) {
  const found = await service(flavor, { own: true })

  found.describe(`a small ${flavor}`, () => {
    let server: SearchServer
    const closing: (() => Promise<void>)[] = []
    beforeAll(async () => void (server = await startSearch({ flavor, settings })), START_MS)
    afterAll(() => server?.stop())
    afterEach(async () => {
      for (const close of closing.splice(0)) await close()
    })

    async function started(options: Record<string, unknown>): Promise<ElasticsearchSinkTask> {
      const config = sinkConfig({ url: server.url, ...options })
      const task = new ElasticsearchSinkTask(config)
      closing.push(() => task.stop())
      await task.start(contextOf(config))
      return task
    }

    it('rejects operations: each is sent again alone, and written once', async () => {
      await server.createIndex('queue', shards(20))
      const task = await started({ index: 'queue' })
      const batch = batchOf(Array.from({ length: 200 }, (_, n) => ({ value: { n } })))
      const { calls, poison, again } = await settle((rows) => task.put(rows, signal), batch)
      process.stdout.write(
        `${flavor}: ${again['THROTTLED'] ?? 0} operations rejected, in calls of ${calls.join(', ')}\n`,
      )
      expect(poison).toEqual([])
      expect(again['THROTTLED']).toBeGreaterThan(0)
      expect(calls.every((count, i) => i === 0 || count <= calls[i - 1]!)).toBe(true)
      const documents = await server.documents('queue')
      expect(documents.map(({ source }) => source['n']).sort((a, b) => Number(a) - Number(b))).toEqual(
        Array.from({ length: 200 }, (_, n) => n),
      )
      // Nothing that was taken was sent again.
      expect(documents.every(({ version }) => version === 1)).toBe(true)
    })

    it('rejects operations of four partitions at a time: each document ends as the last record left it', async () => {
      await server.createIndex('last', shards(20))
      const task = await started({ index: 'last', id: 'key' })
      let rejected = 0
      const partitions = [0, 1, 2, 3].map(async (partition) => {
        for (let round = 0; round < ROUNDS; round++) {
          const batch = batchOf(lastWins(partition, round))
          const { again, poison } = await settle((rows) => task.put(rows, signal), batch)
          expect(poison).toEqual([])
          rejected += again['THROTTLED'] ?? 0
        }
      })
      await Promise.all(partitions)
      process.stdout.write(
        `${flavor}: ${rejected} operations rejected, of ${4 * ROUNDS * (LAST + 1)} on 40 documents\n`,
      )
      expect(rejected).toBeGreaterThan(0)
      const documents = await server.documents('last')
      expect(documents).toHaveLength(40)
      expect(documents.filter(({ source }) => source['round'] !== ROUNDS - 1 || source['n'] !== LAST)).toEqual([])
    })

    it('rejects requests that take too much memory: smaller ones follow', async () => {
      await server.createIndex('memory', shards(1))
      const task = await started({ index: 'memory' })
      const batch = batchOf(Array.from({ length: 400 }, (_, n) => ({ value: { n, text: 'x'.repeat(20) } })))
      const { calls, poison, again } = await settle((rows) => task.put(rows, signal), batch)
      process.stdout.write(`${flavor}: requests refused for want of memory, in calls of ${calls.join(', ')}\n`)
      expect(poison).toEqual([])
      expect(again['THROTTLED']).toBeGreaterThanOrEqual(400)
      expect(await server.count('memory')).toBe(400)
    })

    it('refuses requests that are too large: they are split, and one record alone is refused with both sizes', async () => {
      await server.createIndex('size', shards(1))
      const task = await started({ index: 'size' })
      const text = (n: number): string => 'x'.repeat(n === 77 ? 100 * KIB : 2 * KIB)
      const batch = batchOf(Array.from({ length: 100 }, (_, n) => ({ value: { n, text: text(n) } })))
      const { poison } = await settle((rows) => task.put(rows, signal), batch)
      expect(poison.map(why)).toEqual([
        expect.stringMatching(
          /^77 record RECORD_TOO_LARGE: the operation takes 102\d\d\d bytes, and http:\S+ takes requests of 65536 bytes at most$/,
        ),
      ])
      expect(await server.count('size')).toBe(99)
    })
  })
}

const ROUNDS = 3
const LAST = 59

/** 60 records on 10 documents of the partition. */
function lastWins(partition: number, round: number): TestRecord[] {
  return Array.from({ length: LAST + 1 }, (_, i) => {
    const key = `${partition}-${i % 10}`
    // The last of each document says the same, so that all can be compared with one value.
    const n = i >= LAST - 9 ? LAST : i
    return { key, partition, offset: round * 100 + i, value: { round, n } }
  })
}
