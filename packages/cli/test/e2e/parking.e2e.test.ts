import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type RedisServer, service, startRedis } from '@connect-run/testkit/services'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { BULK_PLUGIN, type BulkTable, startBulkTable } from './bulk-table.ts'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const LINES = 20_000
/** One in so many is refused at first. */
const REFUSED = 50

const redis = await service('redis')

redis.describe('a sink that refuses some rows for a while, and takes the others', () => {
  let place: Workplace
  let server: RedisServer
  let table: BulkTable

  beforeAll(async () => {
    ;[place, server] = await Promise.all([workplace(), startRedis()])
    table = await startBulkTable((id) => Number(id.split('/').pop()) % (8 * REFUSED) === 0)
  })

  afterAll(async () => {
    await table.close()
    await server.stop()
    await place.close()
  })

  const line = (n: number): string => String(n).padStart(7, '0')

  async function configured(): Promise<string> {
    const manifest = {
      name: 'connector-bulk',
      version: '1.0.0',
      type: 'module',
      'connect-run': { plugin: './plugin.js' },
    }
    await mkdir(join(place.folder, 'bulk'))
    await Promise.all([
      place.write('bulk/package.json', JSON.stringify(manifest)),
      place.write('bulk/plugin.js', BULK_PLUGIN),
      place.write('in.txt', Array.from({ length: LINES }, (_, n) => `${line(n)}\n`).join('')),
    ])
    return place.write(
      'parking.yaml',
      `
name: parking
state: { url: ${server.url} }
plugins: [./bulk]
pipelines:
  rows:
    source: { connector: file, path: in.txt, value: string }
    sink:
      connector: bulk
      url: ${table.url}
      value: string
      batch: { maxRecords: 200 }
      parking: { initialDelay: 200ms, maxDelay: 500ms, maxAttempts: 0 }
    errors: { tolerance: all }
`,
    )
  }

  const jobs = async (): Promise<number> =>
    Number(await server.command('HLEN', 'connect-run:{parking-rows}:parked-sizes'))

  it('gets all of them once, others do not wait for them, and two kills on the way change nothing', async () => {
    const config = await configured()
    const start = (): WorkerProcess => place.start([config, '--log-format', 'json'])
    const refused = LINES / REFUSED
    const first = start()
    await whileRunning(first, () => table.rows.size > LINES / 4, 'a quarter')
    first.kill('SIGKILL')
    await first.exited

    const second = start()
    // All others pass while not one of these is taken.
    await whileRunning(second, async () => (await jobs()) === refused, 'all that is refused parked')
    await whileRunning(second, () => table.rows.size === LINES - refused, 'all others')
    table.heal()
    await whileRunning(second, () => table.rows.size > LINES - refused, 'the first of those')
    second.kill('SIGKILL')
    await second.exited

    const third = start()
    await whileRunning(third, () => table.rows.size === LINES, 'all rows')
    await whileRunning(third, async () => (await jobs()) === 0, 'an empty queue')
    third.kill('SIGTERM')
    await expectExit(third, 0)
    const values = [...table.rows.values()].toSorted((one, other) => one.localeCompare(other))
    expect(values).toEqual(Array.from({ length: LINES }, (_, n) => line(n)))
    expect(table.collisions).toBe(0)

    const status = place.start(['status', config, '--format', 'json'])
    await expectExit(status, 0)
    const [worker] = JSON.parse(status.stdout()) as { pipelines: { ledger: Record<string, number> }[] }[]
    const { written, parked, retried, ...others } = worker!.pipelines[0]!.ledger
    expect(others).toMatchObject({ deadLettered: 0, dropped: 0, inFlight: 0 })
    expect(retried).toBeGreaterThan(0)
    // What the killed worker had written and not noted still counts as parked.
    expect(written! + parked!).toBe(LINES)
    expect(parked).toBeLessThan(refused / 2)
  })
})
