import type { RedisStateConfig } from '@connect-run/core/runtime'
import { describe, expect, it } from '@jest/globals'
import { openJournals, openState } from '../src/state.ts'
import { fakeHost } from './fake-host.ts'

const logger = fakeHost().createLogger({ format: 'json', level: 'info', destination: process.stderr })
const redis: RedisStateConfig = {
  kind: 'redis',
  mode: 'single',
  hosts: [{ host: '127.0.0.1', port: 1 }],
  primary: undefined,
  database: 0,
  username: 'me',
  password: 'hush',
  tls: undefined,
  sentinel: undefined,
  strict: false,
  leaseMs: 15_000,
  keyPrefix: 'connect-run',
  durability: { disk: true, replicas: 0, timeoutMs: 2000 },
}

describe('openState', () => {
  it('needs no package for files and memory', async () => {
    const loadRedis = () => Promise.reject(new Error('not needed'))
    const { stateStore, parkingLot } = await openState({ kind: 'memory' }, logger, loadRedis)
    expect(await stateStore.read('task')).toEqual([])
    expect(parkingLot).toBeUndefined()
  })

  it('names the package that Redis needs, and no secret', async () => {
    const error = Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
    const refused = openState(redis, logger, () => Promise.reject(error))
    await expect(refused).rejects.toMatchObject({
      code: 'FEATURE_MISSING',
      message: 'state in redis://127.0.0.1:1 needs the package @connect-run/state-redis',
      hint: expect.stringContaining('npm install @connect-run/state-redis'),
    })
  })

  it('does not take a package that is broken for one that is missing', async () => {
    const broken = openState(redis, logger, () => Promise.reject(new SyntaxError('oops')))
    await expect(broken).rejects.toThrow('oops')
  })

  it('opens Redis without waiting for it', async () => {
    const { stateStore, parkingLot } = await openState(redis, logger)
    expect(parkingLot).toBeDefined()
    await stateStore.close()
  })
})

describe('openJournals', () => {
  it('shares what is replayed where the state is in Redis, without waiting for it', async () => {
    const journals = await openJournals(redis, logger)
    expect(journals!.of('app-main').location).toBe('redis://127.0.0.1:1 connect-run:{app-main}:replayed')
    const loadRedis = () => Promise.reject(new Error('not needed'))
    expect(await openJournals({ kind: 'file', folder: '/none' }, logger, loadRedis)).toBeUndefined()
  })
})
