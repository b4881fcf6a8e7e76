import type { ReplayJournal } from '@connect-run/core/runtime'
import { recordingLogger } from '@connect-run/testkit/conformance'
import { type RedisServer, service, startRedis, startRedisCluster } from '@connect-run/testkit/services'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { thisClaimant } from '../../src/claimant.ts'
import { createSharedJournals } from '../../src/index.ts'
import { configOf } from '../support.ts'

const redis = await service('redis')
const failure = { id: 'b', code: 'RECORD_REJECTED', stage: 'TASK_PUT', message: 'no' }
const purgeOf = (gone: readonly string[], left: readonly string[]) => {
  return { purged: gone.length, gone: new Set(gone), left: new Set(left) }
}
const never = new AbortController().signal

redis.describe('journals of replays in Redis', () => {
  let server: RedisServer
  const journals: ReplayJournal[] = []
  let config: ReturnType<typeof configOf>
  let logger: ReturnType<typeof recordingLogger>

  beforeEach(async () => {
    server = await startRedis()
    config = configOf(server.url, { leaseMs: 1000 })
    logger = recordingLogger()
  })

  afterEach(async () => {
    await Promise.all(journals.splice(0).map((journal) => journal.close()))
    await server.stop()
  })

  const place = (changes: Partial<typeof config> = {}, task = 'w-p') => {
    return createSharedJournals({ ...config, ...changes }, { logger }).of(task)
  }
  const key = (rest: string): string => `${config.keyPrefix}:{w-p}:${rest}`

  async function open(changes: Partial<typeof config> = {}): Promise<ReplayJournal> {
    const journal = await place(changes).open(never)
    journals.push(journal)
    return journal
  }

  async function closed(journal: ReplayJournal): Promise<void> {
    journals.splice(journals.indexOf(journal), 1)
    await journal.close()
  }

  async function lookInto<T>(look: (queue: Queue) => Promise<T>): Promise<T> {
    const connection = new Redis(server.port, '127.0.0.1', { maxRetriesPerRequest: null })
    const queue = new Queue('replay', { connection, prefix: `${config.keyPrefix}:{w-p}`, skipVersionCheck: true })
    try {
      return await look(queue)
    } finally {
      await queue.close()
      connection.disconnect()
    }
  }

  it('remember what was replayed and what failed again, for whoever asks from anywhere', async () => {
    expect((await place().read()).lastChunk).toBe(0)
    const journal = await open()
    const chunk = await journal.begin(['a', 'b'], 0)
    await journal.failed(chunk, [failure])
    await journal.done(chunk, 1000)
    const second = await journal.begin(['b'], 0)
    await journal.failed(second, [{ ...failure, message: 'still no' }])
    await journal.done(second, 2000)
    for (const marks of [journal.marks, await place().read()]) {
      expect(marks.of('a')).toEqual({ replayedMs: 1000, attempts: 0 })
      expect(marks.of('b')).toEqual({ attempts: 2, last: { ...failure, message: 'still no' } })
      expect(marks.of('c')).toEqual({ replayedMs: undefined, attempts: 0, last: undefined })
    }
    expect((await place({}, 'w-other').read()).of('a').replayedMs).toBeUndefined()
    await closed(journal)
    expect((await (await open()).begin(['c'], 10)).number).toBe(11)
  })

  it('know which chunk was on its way, which does not count until it is done', async () => {
    const journal = await open()
    await journal.done(await journal.begin(['z'], 0), 1)
    const begun = await journal.begin(['a', 'b'], 0)
    await journal.failed(begun, [failure])
    await closed(journal)
    const again = await open()
    expect(again.marks.openChunks).toEqual([{ ...begun, number: 2, failed: [failure] }])
    expect([again.marks.of('a').replayedMs, again.marks.of('b').attempts]).toEqual([undefined, 0])
    await again.done(begun, 5)
    expect([again.marks.of('a').replayedMs, again.marks.of('b').attempts]).toEqual([5, 1])
    expect((await place().read()).openChunks).toEqual([])
  })

  it('keep the chunk that was on its way on a host whose sink nobody else can ask', async () => {
    const killed = await open()
    const doubtful = await killed.begin(['a', 'b'], 0)
    await closed(killed)
    const other = await open()
    await other.done(await other.begin(['c'], 0), 1)
    await closed(other)
    const back = await open()
    expect(back.marks.openChunks).toEqual([doubtful])
    await back.done(doubtful, 2)
    const { openChunks, lastChunk } = await place().read()
    expect({ openChunks, lastChunk }).toEqual({ openChunks: [], lastChunk: 2 })
  })

  it('drop a chunk whose letters have all come since', async () => {
    const killed = await open()
    await killed.begin(['a', 'b'], 0)
    await closed(killed)
    const again = await open()
    await again.done(await again.begin(['a'], 0), 1)
    expect((await place().read()).openChunks).toHaveLength(1)
    await again.done(await again.begin(['b', 'c'], 0), 2)
    expect((await place().read()).openChunks).toEqual([])
  })

  it('say so where BullMQ does not hand out the job, as it is paused', async () => {
    await lookInto((queue) => queue.pause())
    await expect(open()).rejects.toMatchObject({
      code: 'STATE_LOCKED',
      hint: 'resume the queue if somebody has paused it',
    })
  })

  it('live in one slot of a cluster', async () => {
    const cluster = await startRedisCluster()
    try {
      const settings = configOf(cluster.url, { leaseMs: 1000 })
      const shared = createSharedJournals(settings, { logger })
      const journal = await shared.of('w-p').open(never)
      await journal.done(await journal.begin(['a'], 0), 1)
      await journal.close()
      expect((await shared.of('w-p').read()).of('a').replayedMs).toBe(1)
    } finally {
      await cluster.stop()
    }
  })

  it('take more letters at a time than a script has arguments, and give them back', async () => {
    const letters = Array.from({ length: 12_000 }, (_, i) => `letter-${i}`)
    const journal = await open()
    await journal.done(await journal.begin(letters, 0), 7)
    const marks = await place().read()
    expect(letters.every((id) => marks.of(id).replayedMs === 7)).toBe(true)
  })

  it('are for one process at a time, however long it takes', async () => {
    const journal = await open()
    const attempts = await Promise.allSettled([place().open(never), place().open(never)])
    expect(attempts).toEqual([refusedAs('STATE_LOCKED'), refusedAs('STATE_LOCKED')])
    const { message } = (attempts[0] as PromiseRejectedResult).reason as Error
    expect(message).toContain(`process ${process.pid} on host`)
    await journal.done(await journal.begin(['a'], 0), 1)
    await closed(journal)
    expect(await lookInto((queue) => queue.getJobCounts())).toMatchObject({ waiting: 0, active: 0, failed: 0 })
    await open()
  })

  it('go to exactly one of several that ask at once', async () => {
    const asked = await Promise.allSettled(Array.from({ length: 4 }, () => open({ leaseMs: 5000 })))
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('refuse all that is noted by one that was not heard of for a lease, and keep what its successor notes', async () => {
    const zombie = await open()
    const begun = await zombie.begin(['a', 'b'], 0)
    await server.command('DEL', key('replay:turn:lock'))
    const heir = await open()
    expect(heir.marks.openChunks).toEqual([begun])
    const refused = [zombie.failed(begun, [failure]), zombie.done(begun, 1), zombie.begin(['c'], 0)]
    refused.push(zombie.forget(purgeOf(['a'], [])))
    for (const note of refused) await expect(note).rejects.toMatchObject({ code: 'STATE_FENCED' })
    const next = await heir.begin(['a', 'b'], 0)
    await closed(zombie)
    await heir.done(next, 2)
    const marks = await place().read()
    expect(['a', 'b', 'c'].map((id) => marks.of(id).replayedMs)).toEqual([2, 2, undefined])
  })

  it('wait for the lock of a dead process of another host, and say so', async () => {
    const dead = await open({ leaseMs: 1500 })
    const holder = { ...(await thisClaimant()), boot: 'of another host' }
    await lookInto(async (queue) => (await queue.getJob('turn'))!.updateData({ holder, token: '' }))
    // Its process does not renew it any more.
    const since = performance.now()
    await server.command('SET', key('replay:turn:lock'), 'of another token', 'PX', '900')
    const heir = await open({ leaseMs: 1500 })
    // Redis may round by a millisecond.
    expect(performance.now() - since).toBeGreaterThan(898)
    expect(logger.entries.some(({ message }) => message.includes('goes on in 1 s if that is dead'))).toBe(true)
    await heir.begin(['a'], 0)
    await expect(dead.begin(['a'], 0)).rejects.toMatchObject({ code: 'STATE_FENCED' })
  })

  it('go at once to the next where the process died on this host', async () => {
    const dead = await open({ leaseMs: 60_000 })
    const token = await server.command('GET', key('replay:turn:lock'))
    const holder = { ...(await thisClaimant()), started: '1' }
    await lookInto(async (queue) => (await queue.getJob('turn'))!.updateData({ holder, token }))
    const since = Date.now()
    await open({ leaseMs: 60_000 })
    expect(Date.now() - since).toBeLessThan(10_000)
    await expect(dead.begin(['a'], 0)).rejects.toMatchObject({ code: 'STATE_FENCED' })
  })

  it('refuse a lock that a failover has brought back, by the chunk', async () => {
    const zombie = await open()
    const lock = await server.command('GET', key('replay:turn:lock'))
    await server.command('DEL', key('replay:turn:lock'))
    const heir = await open()
    await heir.done(await heir.begin(['a'], 0), 1)
    await server.command('SET', key('replay:turn:lock'), String(lock))
    await expect(zombie.begin(['a'], 0)).rejects.toMatchObject({ code: 'STATE_FENCED' })
    expect((await place().read()).openChunks).toEqual([])
  })

  it('go on when Redis was away for a moment', async () => {
    const journal = await open({ leaseMs: 20_000 })
    const begun = await journal.begin(['a'], 0)
    await server.kill()
    const done = journal.done(begun, 3)
    await server.start()
    await done
    await journal.done(await journal.begin(['b'], 0), 4)
    const marks = await place().read()
    expect(['a', 'b'].map((id) => marks.of(id).replayedMs)).toEqual([3, 4])
  })

  it('are refused where Redis is away, can lose them under strict, or holds something else', async () => {
    await server.command('SET', key('replayed'), 'text')
    await expect(place().read()).rejects.toMatchObject({ code: 'STATE_UNREADABLE' })
    await expect(open()).rejects.toMatchObject({ code: 'STATE_UNREADABLE' })
    await server.command('DEL', key('replayed'))
    await server.command('HSET', key('replayed'), 'a', '{')
    await expect(open()).rejects.toMatchObject({ code: 'STATE_UNREADABLE' })
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await expect(open({ strict: true })).rejects.toMatchObject({ code: 'STATE_UNSAFE' })
    await server.kill()
    await expect(open()).rejects.toMatchObject({ code: 'STATE_UNWRITABLE' })
    await server.start()
  })

  it('count nothing as noted before it is durable as configured', async () => {
    const journal = await open({ durability: { disk: true, replicas: 1, timeoutMs: 100 } })
    await expect(journal.begin(['a'], 0)).rejects.toMatchObject({
      code: 'STATE_UNWRITABLE',
      message: expect.stringContaining('0 of 1 replicas had it'),
    })
  })

  it('end their wait with a stop', async () => {
    await open({ leaseMs: 60_000 })
    const stop = new AbortController()
    const waiting = place({ leaseMs: 60_000 }).open(stop.signal)
    stop.abort(new Error('stopping'))
    await expect(waiting).rejects.toThrow('stopping')
  })

  it('forget letters that are gone, and no others', async () => {
    const journal = await open()
    await journal.done(await journal.begin(['a', 'b', 'of another host'], 0), 1)
    await journal.forget(purgeOf(['a', 'b'], ['b']))
    const marks = await place().read()
    expect(['a', 'b', 'of another host'].map((id) => marks.of(id).replayedMs)).toEqual([undefined, 1, 1])
    expect(marks.lastChunk).toBe(1)
  })
})

function refusedAs(code: string): unknown {
  return { status: 'rejected', reason: expect.objectContaining({ code }) }
}
