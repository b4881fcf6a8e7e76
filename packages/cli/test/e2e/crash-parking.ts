import { randomUUID } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from '@jest/globals'
import type { Crashing, Surroundings } from './crash-pairs.ts'
import { type WorkerProcess, expectExit, whileRunning } from './worker-process.ts'

const TOTAL = 300
const core = new URL('../../../core/dist/index.js', import.meta.url).href

/** A sink that makes a file for each record; of every tenth it says at first that it can't now, while it takes others. */
const plugin = `
import { writeFileSync } from 'node:fs'
import { PartialBatchError, RetriableError } from '${core}'

const options = { type: 'object', properties: { folder: { type: 'string', description: 'Where to.' } } }
function create({ folder }) {
  const asked = new Set()
  const busy = (name) => Number(name) % 10 === 5 && !asked.has(name) && asked.add(name)
  return {
    start: async () => {},
    stop: async () => {},
    put: async (batch) => {
      const failures = []
      let row = 0
      for (const { value } of batch) {
        if (busy(value)) failures.push({ row, error: new RetriableError('THROTTLED', 'busy') })
        else writeFileSync(folder + '/' + value, '')
        row++
      }
      if (failures.length > 0) throw new PartialBatchError(failures)
    },
  }
}
export default {
  name: 'picky',
  description: 'Files of records.',
  sink: { description: 'Files of records.', config: options, create, traits: () => ({ idempotent: true }) },
}
`

/** What the sink refuses for a while is parked in Redis while the pipeline goes on. */
export async function parkedRecords({ place, redis }: Surroundings): Promise<Crashing> {
  const all = Array.from({ length: TOTAL }, (_, n) => String(n).padStart(6, '0'))
  await Promise.all([mkdir(join(place.folder, 'picky')), mkdir(join(place.folder, 'out'))])
  await place.write(
    'picky/package.json',
    JSON.stringify({
      name: 'connector-picky',
      version: '1.0.0',
      type: 'module',
      'connect-run': { plugin: './plugin.js' },
    }),
  )
  await place.write('picky/plugin.js', plugin)
  await place.write('in.txt', `${all.join('\n')}\n`)
  const config = await place.write(
    'parking.yaml',
    `
name: crash-${randomUUID().slice(0, 8)}
state: { url: ${redis} }
plugins: [./picky]
pipelines:
  park:
    source: { connector: file, path: in.txt, value: string }
    sink:
      connector: picky
      folder: ${join(place.folder, 'out')}
      value: string
      batch: { maxRecords: 50 }
      parking: { initialDelay: 50ms, maxDelay: 100ms }
    errors: { tolerance: all }
`,
  )
  const start = (env: Readonly<Record<string, string>> = {}): WorkerProcess =>
    place.start([config, '--log-format', 'json'], env)
  const written = async (): Promise<string[]> => (await readdir(join(place.folder, 'out'))).toSorted()
  return {
    config,
    crash: async (env) => start(env),
    finish: async () => {
      const worker = start()
      const isDone = async (): Promise<boolean> => (await written()).length === TOTAL
      await whileRunning(worker, async () => worker.output().includes('"running"') && (await isDone()), 'all records')
      worker.kill('SIGTERM')
      await expectExit(worker, 0)
    },
    check: async () => expect(await written()).toEqual(all),
  }
}
