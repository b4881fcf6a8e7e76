import { describe, expect, it } from '@jest/globals'
import type { RedisClient } from '../../src/connection.ts'
import { confirm, confirmationOf } from '../../src/retry-queue/durability.ts'

interface Facts {
  readonly version?: string
  readonly appends?: boolean
  readonly fsync?: string
  readonly policy?: string
  readonly slaves?: number
}

/** A server of a version that is not to be had here, as far as it is asked. */
function serverOf({ version = '7.2.4', appends = true, fsync, policy = 'noeviction', slaves = 0 }: Facts): RedisClient {
  const info = [
    `redis_version:${version}`,
    `maxmemory_policy:${policy}`,
    `aof_enabled:${appends ? 1 : 0}`,
    `connected_slaves:${slaves}`,
  ].join('\r\n')
  const config = (): Promise<string[]> => {
    return fsync === undefined ? Promise.reject(new Error('NOPERM')) : Promise.resolve(['appendfsync', fsync])
  }
  return { info: () => Promise.resolve(info), config } as unknown as RedisClient
}

function asked(facts: Facts, { mode = 'single', replicas = 0 } = {}) {
  const durability = { disk: true, replicas, timeoutMs: 500 }
  return confirmationOf(serverOf(facts), { mode: mode as 'single', durability })
}

describe('the confirmation that Redis has a record on its disk', () => {
  it('is the answer itself where each write is synced', async () => {
    expect(await asked({ version: '6.2.0', fsync: 'always' })).toEqual({ kind: 'none-needed' })
    expect(await asked({ fsync: 'always' }, { replicas: 2 })).toMatchObject({ command: ['WAIT', '2', '500'] })
  })

  it('is waited for where the server can tell', async () => {
    const wait = { kind: 'wait', command: ['WAITAOF', '1', '1', '500'], disk: 1, replicas: 1 }
    for (const version of ['7.2.0', '7.4.1', '8.0.0']) {
      expect(await asked({ version, fsync: 'everysec' }, { replicas: 1 })).toEqual(wait)
    }
    expect(await asked({ version: '8.2.0' })).toMatchObject({ command: ['WAITAOF', '1', '0', '500'] })
  })

  it('can not be had elsewhere', async () => {
    const distrusted: [Facts, string][] = [
      [{ version: '7.0.15', fsync: 'everysec' }, 'appendfsync everysec'],
      [{ version: '7.0.15' }, 'may not ask'],
      [{ appends: false, fsync: 'always' }, 'append-only file'],
      [{ policy: 'volatile-lru', fsync: 'always' }, 'volatile-lru'],
    ]
    for (const [facts, reason] of distrusted) {
      expect(await asked(facts)).toEqual({ kind: 'distrust', reason: expect.stringContaining(reason) })
    }
    expect(await asked({ fsync: 'always', slaves: 1 }, { mode: 'sentinel' })).toMatchObject({ kind: 'distrust' })
    expect(await asked({ fsync: 'always', slaves: 1 })).toMatchObject({ kind: 'none-needed' })
  })

  it('is not taken for given where fewer answer than were asked for', async () => {
    const sent: unknown[][] = []
    const client = (reply: unknown): RedisClient => {
      const pipeline = {
        exists: (key: string) => sent.push(['EXISTS', key]),
        call: (...command: unknown[]) => sent.push(command),
        exec: () => Promise.resolve([[null, 0], reply]),
      }
      return { pipeline: () => pipeline } as unknown as RedisClient
    }
    const wait = { kind: 'wait', command: ['WAITAOF', '1', '1', '500'], disk: 1, replicas: 1 } as const
    await confirm(client([null, [1, 1]]), wait, 'k')
    expect(sent).toEqual([
      ['EXISTS', 'k'],
      ['WAITAOF', '1', '1', '500'],
    ])
    const late = 'did not confirm in time'
    await expect(confirm(client([null, [0, 1]]), wait, 'k')).rejects.toThrow(late)
    await expect(confirm(client([null, [1, 0]]), wait, 'k')).rejects.toThrow(late)
    await expect(confirm(client([new Error('ERR no'), null]), wait, 'k')).rejects.toThrow('ERR no')
  })
})
