import { describe, expect, it } from '@jest/globals'

import { runProgram } from '../../src/program.ts'
import type { TortureKit, TortureOrder, TortureReport } from '../../src/torture-kit.ts'
import { type FakeHost, diagnostic, fakeHost, until, workerConfig, loaded } from '../fake-host.ts'

const good: TortureReport = {
  seed: 4711,
  elapsedMs: 61_234,
  faults: { 'kill -9': 10, 'server-503': 2 },
  silentStops: [],
  pipelines: [
    {
      pipeline: 'main',
      pair: 'kafka -> file',
      once: true,
      sent: 100_000,
      arrived: 100_000,
      lost: 0,
      doubled: 0,
      reordered: 0,
      foreign: 0,
      examples: [],
    },
  ],
  ok: true,
}

const filtered = workerConfig('filtered', { pipelines: [{ name: 'main', transforms: [{}] } as never] })

interface Seen {
  opened: unknown[]
  orders: TortureOrder[]
  stopped: number
  envs: unknown[]
}

function host(report: Partial<TortureReport> = {}, changes: Partial<TortureKit> = {}): { host: FakeHost; seen: Seen } {
  const seen: Seen = { opened: [], orders: [], stopped: 0, envs: [] }
  const kit: TortureKit = {
    openEndpoints: async (options) => {
      seen.opened.push(options)
      const env = options.brokers > 0 ? { KAFKA_BROKERS: 'own:1' } : {}
      const stop = async (): Promise<void> => void seen.stopped++
      return { env, stateUrl: options.redis ? 'redis://own' : undefined, faults: ['a fault'], stop }
    },
    subjectsOf: () => ({
      pipelines: [{ name: 'main', once: true, source: { kind: 'kafka' }, sink: { kind: 'file' } }],
      refused: [{ name: 'odd', why: 'it is odd' }],
    }),
    torture: async (order) => {
      seen.orders.push(order)
      return { ...good, ...report }
    },
    ...changes,
  }
  return {
    seen,
    host: fakeHost({
      env: { KAFKA_BROKERS: 'real:9092' },
      loadConfig: async (file, { env }) => {
        seen.envs.push(env)
        if (file === 'filtered.yaml') return loaded(filtered)
        return file === 'a.yaml' ? loaded(workerConfig('a')) : { diagnostics: [diagnostic()] }
      },
      loadTorture: async () => kit,
    }),
  }
}

const start = (fake: FakeHost, line: string): Promise<number> => runProgram(line.split(' '), '0.0.0', fake)

describe('connect-run torture', () => {
  it('tortures the pipelines at the addresses of the file, and says that the promises were kept', async () => {
    const { host: fake, seen } = host()
    expect(await start(fake, 'torture a.yaml')).toBe(0)
    expect(seen.opened).toEqual([{ brokers: 0, cnosdb: false, redis: false }])
    expect(seen.orders).toEqual([
      expect.objectContaining({
        file: 'a.yaml',
        command: ['node', 'connect-run'],
        env: { KAFKA_BROKERS: 'real:9092' },
        records: 100_000,
        forMs: 60_000,
        seed: 4711,
        kills: 10,
        suspends: 2,
        workers: 1,
        members: {},
        faults: ['a fault'],
        serverFaults: true,
      }),
    ])
    expect(seen.orders[0]).not.toHaveProperty('stateUrl')
    expect(fake.stdout.text).toContain('10 × kill -9, 2 × server-503 in 61 s, seed 4711')
    expect(fake.stdout.text).toMatch(/main +kafka -> file +100,000 +100,000 +0 +0 +0 +0 +as promised/)
    expect(fake.stdout.text).toContain('Everything is as promised. 0 silent stops.')
    expect(fake.stderr.text).toContain('odd is left out: it is odd.')
    expect(seen.stopped).toBe(1)
  })

  it('takes what the command line says', async () => {
    const { host: fake, seen } = host()
    const flags =
      '--for 2m --seed 7 --records 5 --kills 1 --suspends 0 --workers 2 --redis --no-faults --record {"a":1}'
    expect(await start(fake, `torture a.yaml ${flags}`)).toBe(0)
    expect(seen.orders[0]).toMatchObject({
      forMs: 120_000,
      seed: 7,
      records: 5,
      kills: 1,
      suspends: 0,
      workers: 2,
      members: { a: 1 },
      faults: [],
      serverFaults: false,
      stateUrl: 'redis://own',
    })
  })

  it('brings up with --embedded what the pipelines need, and no more', async () => {
    const { host: fake, seen } = host()
    expect(await start(fake, 'torture a.yaml --embedded --brokers 3')).toBe(0)
    expect(seen.opened).toEqual([{ brokers: 3, cnosdb: false, redis: false }])
    expect(seen.envs.at(-1)).toEqual({ KAFKA_BROKERS: 'own:1' })
    expect(seen.orders[0]!.env).toEqual({ KAFKA_BROKERS: 'own:1' })
  })

  it('ends with 1, the coordinates and the last words when a promise was broken', async () => {
    const broken = { ...good.pipelines[0]!, lost: 2, doubled: 3, examples: ['lost: lane 0 number 5'] }
    const { host: fake, seen } = host({ ok: false, pipelines: [broken], silentStops: ['main: nothing moved'] })
    expect(await start(fake, 'torture a.yaml')).toBe(1)
    expect(fake.stdout.text).toMatch(/LOST, DOUBLED/)
    expect(fake.stdout.text).toContain('main:\n  lost: lane 0 number 5\n')
    expect(fake.stdout.text).toContain('silent stop:\nmain: nothing moved\n')
    expect(fake.stdout.text).toContain('A promise was broken. 1 silent stop.')
    expect(fake.stderr.text).not.toContain('transforms')
    expect(seen.stopped).toBe(1)
  })

  it('says where transforms may have dropped what looks lost', async () => {
    const { host: fake } = host({ ok: false, pipelines: [{ ...good.pipelines[0]!, lost: 2 }] })
    expect(await start(fake, 'torture filtered.yaml')).toBe(1)
    expect(fake.stderr.text).toContain('main has transforms: what these drop counts as lost here. Give the records')
  })

  it('lets doubles pass where only at least once is promised', async () => {
    const { host: fake } = host({ pipelines: [{ ...good.pipelines[0]!, once: false, doubled: 3, examples: ['x'] }] })
    expect(await start(fake, 'torture a.yaml')).toBe(0)
    expect(fake.stdout.text).toMatch(/3 +0 +0 +as promised/)
    expect(fake.stdout.text).not.toContain('DOUBLED')
  })

  it('prints the whole report for programs', async () => {
    const { host: fake } = host()
    expect(await start(fake, 'torture a.yaml --format json')).toBe(0)
    expect(JSON.parse(fake.stdout.text)).toEqual(good)
  })

  it.each([
    ['torture b.yaml', 'unknown key "topcs"'],
    ['torture a.yaml --for 90', '--for 90'],
    ['torture a.yaml --for 10ms', 'at least 1s'],
    ['torture a.yaml --record [1]', 'a JSON object'],
    ['torture a.yaml --kills -1', 'whole number'],
    ['torture a.yaml --workers 0', 'at least 1'],
    ['torture a.yaml --only nobody', 'nobody is left out: there is no such pipeline, but main and odd.'],
  ])('%s ends with 2 and starts nothing', async (line, said) => {
    const { host: fake, seen } = host()
    expect(await start(fake, line)).toBe(2)
    expect(fake.stderr.text).toContain(said)
    expect(seen.orders).toEqual([])
  })

  it('ends with 3 and the cure where the test kit is not installed', async () => {
    const { host: fake } = host()
    const absent = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    expect(await start({ ...fake, loadTorture: () => Promise.reject(absent) }, 'torture a.yaml')).toBe(3)
    expect(fake.stderr.text).toContain('npm install --save-dev @connect-run/testkit')
  })

  it('stops the servers and ends with 1 when the torture can’t go on', async () => {
    const { host: fake, seen } = host({}, { torture: () => Promise.reject(new Error('the worker ended 5 times')) })
    expect(await start(fake, 'torture a.yaml')).toBe(1)
    expect(fake.stderr.text).toContain('The torture came to no end: the worker ended 5 times')
    expect(seen.stopped).toBe(1)
  })

  it('ends the load at a signal, and at once at a second one', async () => {
    let signal: AbortSignal | undefined
    const torture = (order: TortureOrder): Promise<TortureReport> =>
      new Promise((resolve) => (signal = order.signal).addEventListener('abort', () => setTimeout(resolve, 50, good)))
    const { host: fake } = host({}, { torture })
    const ended = start(fake, 'torture a.yaml')
    await until(() => signal !== undefined)
    fake.signal()
    expect(fake.stderr.text).toContain('The load ends here')
    fake.signal()
    expect(fake.forced).toEqual([1])
    expect(await ended).toBe(0)
  })
})
