import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import {
  type FaultSwitch,
  type ProcessFaults,
  type SmallDisk,
  during,
  processFaults,
  smallDisk,
} from '@connect-run/testkit/faults'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const LINES = 10_000

let place: Workplace
let disk: SmallDisk
let faults: ProcessFaults
let worker: WorkerProcess
let written: string
let config: string

beforeEach(async () => {
  place = await workplace()
  disk = await smallDisk(join(place.folder, 'disk'), 8 * 1024 * 1024)
  faults = processFaults(join(place.folder, 'orders.json'))
  written = ''
  await write()
  const pipeline = 'source: {connector: file, path: in.txt}, sink: {connector: file, path: disk/out.txt}'
  const restart = 'restart: {initialDelay: 100ms, maxDelay: 500ms, maxRestarts: 1000}'
  config = await place.write('copy.yaml', `name: copy\npipelines: {copy: {${pipeline}, ${restart}}}\n`)
  worker = start()
  await arrived()
})

afterEach(async () => {
  await disk.unmount()
  await place.close()
})

const start = (): WorkerProcess => place.start([config, '--log-format', 'json'], faults.env)

async function write(): Promise<void> {
  const from = written.length
  const lines = Array.from({ length: LINES }, (_, number) => `line ${String(from + number).padStart(9, '0')}\n`).join(
    '',
  )
  written += lines
  await appendFile(join(place.folder, 'in.txt'), lines)
}

const copy = (): Promise<string> => readFile(join(disk.folder, 'out.txt'), 'utf8').catch(() => '')

const arrived = (): Promise<void> => whileRunning(worker, async () => (await copy()) === written, 'the whole copy')

/** Every line is there once, in order, and nothing has to be done about it. */
async function goesOn(): Promise<void> {
  await write()
  await arrived()
  worker.kill('SIGTERM')
  await expectExit(worker, 0)
  expect(await copy()).toBe(written)
}

const complaints: readonly (readonly [string, string, () => FaultSwitch])[] = [
  ['fsync fails', 'EIO', () => faults.syncError],
  ['the disk is full', 'DISK_FULL', () => disk.full()],
]

it.each(complaints)('a worker says that %s, and goes on by itself when that is over', async (_, said, fault) => {
  await during(fault(), async () => {
    await write()
    await whileRunning(worker, () => worker.output().includes(said), said)
  })
  await arrived()
  await goesOn()
})

it('a worker waits for a disk that is read-only, and takes it when it can be written', async () => {
  worker.kill('SIGTERM')
  await expectExit(worker, 0)
  await during(disk.readOnly, async () => {
    worker = start()
    await write()
    await whileRunning(worker, () => worker.output().includes('EROFS'), 'EROFS')
  })
  await goesOn()
})

const silent: readonly (readonly [string, () => FaultSwitch])[] = [
  ['writes are short', () => faults.shortWrites],
  ['the clock jumps an hour ahead', () => faults.clockJump(3_600_000)],
  ['the clock jumps an hour back', () => faults.clockJump(-3_600_000)],
]

it.each(silent)('it does not matter that %s', async (_, fault) => {
  await during(fault(), async () => {
    await write()
    await arrived()
  })
  await goesOn()
})
