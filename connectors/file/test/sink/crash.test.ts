import { appendFileSync, existsSync, rmSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import type { FileSinkConfig } from '../../src/sink/sink-config.ts'
import type { FileSinkTask } from '../../src/sink/sink-task.ts'
import { FaultyFiles } from './faulty-files.ts'
import { FOLDER, Runtime, SinkBench, partition, temporaryFolder } from './support.ts'

type Death = 'kill' | 'power cut'

const configs = [
  ['one file', {}],
  ['rotated files', { rotate: { size: 24 } }],
  ['compressed files', { rotate: { size: 24, compression: 'gzip' } }],
] as const satisfies [string, Pick<FileSinkConfig, 'rotate'>][]

/** So many run side by side, as each waits for its files most of the time. */
const WORLDS = 8

/** A worker that is started again whenever it dies, on a disk that outlives it. */
class World {
  readonly bench: SinkBench
  readonly runtime = new Runtime()
  readonly files: FaultyFiles
  readonly #death: Death
  /** Of the changes of names that were not synced, so many are on the disk after a power cut. */
  readonly #kept: number
  task: FileSinkTask | undefined

  constructor(config: Pick<FileSinkConfig, 'rotate'>, death: Death, kept = 0) {
    const folder = temporaryFolder('/dev/shm')
    this.files = new FaultyFiles(folder)
    this.bench = new SinkBench({ ...config, files: this.files, folder })
    this.#death = death
    this.#kept = kept
  }

  async close(): Promise<void> {
    await this.bench.close()
    this.files.close()
    rmSync(this.bench.folder, { recursive: true, force: true })
  }

  /** Does a step; the worker may die at it, and is started again by the next one. */
  async survive(step: (task: FileSinkTask) => Promise<void>): Promise<void> {
    try {
      await step(this.task ?? (await this.restart()))
    } catch (error) {
      if (!this.files.isDead) throw error
      await this.die()
    }
  }

  async die(): Promise<void> {
    this.files.isDead = true
    await this.task?.stop()
    this.task = undefined
    await this.bench.close()
    if (this.#death === 'power cut') this.files.cutPower(this.#kept)
    this.files.revive()
  }

  async restart(): Promise<FileSinkTask> {
    const task = await this.bench.start()
    this.runtime.goOn(await task.recover({ partitions: undefined, stored: this.runtime.stored }))
    this.runtime.written.fill(0)
    this.task = task
    return task
  }

  /** Ends well, and checks what is there. */
  async check(): Promise<void> {
    this.files.diesIn = Infinity
    const { next, written } = this.runtime
    for (const number of [0, 1, 2]) {
      await this.survive((task) => this.runtime.put(task, number, Math.max(1, written[number]! - next[number]!)))
    }
    await this.survive((task) => this.runtime.commit(task))
    await this.task!.stop()
    const lines = this.bench.allLines()
    for (const number of [0, 1, 2]) {
      const mine = lines.filter((line) => line.startsWith(`${number}:`))
      expect(mine).toEqual(Array.from({ length: this.runtime.next[number]! }, (_, i) => `${number}:${i}`))
    }
    expect(lines.filter((line) => !/^\d:\d+$/.test(line))).toEqual([])
    const unfinished = this.bench.names().filter((name) => /waiting|tmp/.test(name))
    expect(unfinished).toEqual([])
  }
}

/** A little of everything: three batches to a file, and commits that fall into the file before. */
async function run(world: World): Promise<void> {
  const { runtime } = world
  for (let round = 0; round < 2; round++) {
    for (let number = 0; number < 3; number++) await world.survive((task) => runtime.put(task, number, 2))
    await world.survive((task) => runtime.put(task, 2, 3))
    await world.survive((task) => runtime.commit(task, 2, 4))
    await world.survive((task) => runtime.put(task, 2, 1))
    await world.survive((task) => runtime.commit(task))
  }
}

describe.each(configs)('%s', (_, config) => {
  it.each<Death>(['kill', 'power cut'])(
    'hold every line once, in order and whole, after a %s at any step',
    async (death) => {
      const whole = new World(config, death)
      await run(whole)
      const steps = whole.files.steps.slice()
      await whole.check()
      await whole.close()
      expect(steps.length).toBeGreaterThan(40)
      const deaths = steps.flatMap((step, i) => (leavesNothing(step, death) ? [] : [i]))
      const runOne = async (step: number): Promise<void> => {
        try {
          await runToEnd(new World(config, death, step % 3), step)
        } catch (error) {
          throw new Error(`died at step ${step}, ${steps[step]}`, { cause: error })
        }
      }
      while (deaths.length > 0) await Promise.all(deaths.splice(0, WORLDS).map(runOne))
    },
  )
})

/** Whether a death before this step leaves the same as one behind it. */
function leavesNothing(step: string, death: Death): boolean {
  const [operation, name] = step.split(' ')
  return (operation === 'open' && name!.startsWith(FOLDER)) || (operation === 'sync' && death === 'kill')
}

async function runToEnd(world: World, diesIn: number): Promise<void> {
  world.files.diesIn = diesIn
  try {
    await run(world)
    await world.check()
  } finally {
    await world.close()
  }
}

describe('files', () => {
  const steps = fc.array(
    fc.record({
      kind: fc.constantFrom('put', 'put', 'put', 'put', 'commit', 'commit', 'die', 'rebalance', 'rot'),
      number: fc.nat(2),
      count: fc.nat(4),
      diesIn: fc.option(fc.nat(40), { nil: Infinity, freq: 3 }),
    }),
    { maxLength: 40 },
  )
  const death = fc.constantFrom<Death>('kill', 'power cut')

  it('hold every line once, in order and whole, whatever crashes, commits and rebalances there were', async () => {
    await fc.assert(
      fc.asyncProperty(steps, death, fc.constantFrom(...configs), fc.nat(3), async (plan, how, [, config], kept) => {
        const world = new World(config, how, kept)
        const { runtime, bench, files } = world
        try {
          for (const { kind, number, count, diesIn } of plan) {
            files.diesIn = diesIn
            await world.survive(async (task) => {
              if (kind === 'put') await runtime.put(task, number, count)
              else if (kind === 'die') await world.die()
              else if (kind === 'rot' && existsSync(bench.path)) {
                await world.die()
                appendFileSync(bench.path, 'half a li')
              } else if (kind === 'rebalance') {
                const stored = runtime.stored.filter((entry) => entry.partition === number)
                runtime.goOn(await task.recover({ partitions: [partition(number)], stored }), [number])
              } else if (kind === 'commit') {
                await runtime.commit(task, number, count).catch((error: { code?: string }) => {
                  if (error.code !== 'THROTTLED') throw error
                })
              }
            })
          }
          await world.check()
        } finally {
          await world.close()
        }
      }),
      { numRuns: 150 },
    )
  })
})
