import type { ConnectorPlugin, Partition, Positions, RecordBatch, SourceContext } from '../../src/index.ts'
import {
  EndOfSource,
  PartialBatchError,
  RecordError,
  RetriableError,
  sinkConnector,
  sourceConnector,
} from '../../src/index.ts'
import type { SinkTask } from '../../src/api/sink-task.ts'
import type { RowFailure } from '../../src/api/errors.ts'
import type { PollLimits, PollResult, SourceTask } from '../../src/api/source-task.ts'
import { packRecords } from '../../src/records/batch-builder.ts'
import { type ChaosRecord, type ChaosWorld, namesOf } from './chaos-world.ts'
import type { VirtualClock } from './virtual-clock.ts'

const config = { type: 'object', properties: {} } as const
const passes = (): RetriableError => new RetriableError('UNREACHABLE', 'not now')
const poison = (): RecordError => new RecordError('RECORD_REJECTED', 'poison')

/** One member of a group: reads from the committed positions, and gets and loses partitions. */
class ChaosSource implements SourceTask {
  readonly #world: ChaosWorld
  readonly #clock: VirtualClock
  /** Owned partitions, and how many of their records were read. */
  readonly #read = new Map<number, number>()
  /** What was fetched of partitions that were given up since. */
  #late: ChaosRecord[] = []
  #context!: SourceContext<unknown>
  #rebalancing: Promise<void> | undefined
  #generation = 0
  #closed = false
  readonly commit?: (positions: Positions) => Promise<void>

  constructor(world: ChaosWorld, clock: VirtualClock) {
    this.#world = world
    this.#clock = clock
    if (!world.setting.stored) this.commit = (positions) => this.#commit(positions)
  }

  async start(context: SourceContext<unknown>): Promise<void> {
    this.#world.sourceStarts++
    this.#context = context
    if (this.#world.fault(0.1)) throw passes()
    if (this.#world.setting.stored) this.#readFrom(context.positions)
    else await this.#take(this.#world.topic.map((_, partition) => partition))
  }

  async poll(limits: PollLimits, signal: AbortSignal): Promise<PollResult> {
    const world = this.#world
    if (world.chance(0.3)) await this.#clock.sleep(world.upTo(10), signal).catch(() => undefined)
    if (world.fault(0.02)) throw passes()
    if (world.fatal(0.01)) throw new Error('the source has a defect')
    const mayRebalance = !world.setting.stored && world.rebalancesLeft > 0
    if (this.#rebalancing === undefined && mayRebalance && world.chance(0.2)) {
      world.rebalancesLeft--
      const rebalance = this.#rebalance().finally(() => (this.#rebalancing = undefined))
      this.#rebalancing = rebalance
      // Some clients rebalance within their poll, others beside it.
      if (world.chance(0.5)) await rebalance
    }
    if (limits.maxRecords === 0) return []
    const records = this.#next(limits.maxRecords)
    if (records.length === 0 && this.#rebalancing === undefined && this.#isAtEnd()) throw new EndOfSource()
    return this.#pack(records)
  }

  async #commit(positions: Positions): Promise<void> {
    const world = this.#world
    const generation = this.#generation
    const given = positions.filter(({ partition }) => !this.#read.has(partition))
    if (given.length > 0 && this.#rebalancing === undefined) world.violations.push('commits what was given up')
    if (world.chance(0.3)) await this.#clock.sleep(world.upTo(30))
    // Whoever comes too late is fenced.
    if (this.#closed || generation !== this.#generation) throw passes()
    const mine = positions.filter(({ partition }) => this.#read.has(partition))
    const fails = world.fault(0.1)
    if (fails && world.chance(0.5)) throw passes()
    world.passing(mine)
    for (const { partition, position } of mine) world.committed[partition] = position.offset
    if (fails) throw passes()
  }

  async stop(): Promise<void> {
    this.#closed = true
    await this.#rebalancing
  }

  async #rebalance(): Promise<void> {
    const world = this.#world
    const partitions = [...this.#read.keys()].filter(() => world.chance(0.5))
    if (world.chance(0.3)) {
      this.#give(partitions)
      this.#context.lost(partitions.map(named))
    } else {
      await this.#context.revoking(partitions.map(named))
      this.#give(partitions)
    }
    if (world.chance(0.5)) await this.#clock.sleep(world.upTo(20))
    await this.#take(partitions)
  }

  #give(partitions: readonly number[]): void {
    this.#generation++
    for (const partition of partitions) {
      const from = this.#read.get(partition)!
      this.#late.push(...this.#world.topic[partition]!.slice(from, from + this.#world.upTo(3)))
      this.#read.delete(partition)
    }
  }

  async #take(partitions: readonly number[]): Promise<void> {
    this.#late = this.#late.filter(({ partition }) => !partitions.includes(partition))
    const stored = partitions.map((partition) => {
      return { ...named(partition), position: { offset: this.#world.committed[partition]! } }
    })
    await this.#context.assigned(partitions.map(named), stored)
    for (const partition of partitions) this.#goOn(partition, this.#world.committed[partition]!)
  }

  #readFrom(positions: Positions): void {
    for (const partition of this.#world.topic.keys()) {
      const offset = positions.find((entry) => entry.partition === partition)?.position.offset ?? 0
      if (offset !== this.#world.committed[partition]) this.#world.violations.push('begins somewhere else')
      this.#goOn(partition, offset)
    }
  }

  #goOn(partition: number, offset: number): void {
    this.#read.set(partition, this.#world.topic[partition]!.filter((record) => record.offset < offset).length)
  }

  #next(most: number): ChaosRecord[] {
    const records = this.#late.splice(0, most)
    for (const [partition, from] of this.#read) {
      const to = Math.min(from + this.#world.upTo(4), from + most - records.length)
      const taken = this.#world.topic[partition]!.slice(from, to)
      this.#read.set(partition, from + taken.length)
      records.push(...taken)
    }
    return records
  }

  #pack(records: readonly ChaosRecord[]): RecordBatch {
    const positions = new Map<number, number>()
    for (const { partition, offset } of records) positions.set(partition, offset + 1)
    for (const [partition, read] of this.#read) {
      if (read === this.#world.topic[partition]!.length) positions.set(partition, this.#world.ends[partition]!)
    }
    const inputs = records.map(({ partition, offset, value }) => {
      return {
        stream: 't',
        partition,
        offset,
        timestamp: -1,
        key: null,
        value: value === null ? null : Buffer.from(value),
      }
    })
    return packRecords(
      inputs,
      [...positions].map(([partition, offset]) => ({ stream: 't', partition, position: { offset } })),
    )
  }

  #isAtEnd(): boolean {
    const { topic } = this.#world
    return topic.every((records, partition) => this.#read.get(partition) === records.length)
  }
}

function named(partition: number): Partition {
  return { stream: 't', partition }
}

/** A sink that fails in every way that the contract allows, and in some that it does not. */
class ChaosSink implements SinkTask {
  readonly #world: ChaosWorld
  readonly #clock: VirtualClock
  readonly #running = new Set<number>()
  #unsaved: string[] = []
  #isOpen = true
  readonly flush?: (signal: AbortSignal) => Promise<void>

  constructor(world: ChaosWorld, clock: VirtualClock) {
    this.#world = world
    this.#clock = clock
    if (world.setting.flushes) this.flush = () => this.#flush()
  }

  async start(): Promise<void> {
    if (this.#world.fault(0.1)) throw passes()
  }

  async put(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    const partitions = new Set(Array.from(batch, ({ partition }) => partition))
    if (this.#world.setting.ordered) {
      for (const p of partitions) if (this.#running.has(p)) this.#world.violations.push(`two batches of ${p} at a time`)
    }
    for (const partition of partitions) this.#running.add(partition)
    try {
      await this.#put(batch, signal)
    } finally {
      for (const partition of partitions) this.#running.delete(partition)
    }
  }

  async stop(): Promise<void> {
    this.#isOpen = false
  }

  async #put(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    const world = this.#world
    const hears = world.chance(0.7) ? signal : undefined
    if (world.chance(0.4)) await this.#clock.sleep(world.upTo(30), hears)
    if (world.fatal(0.02)) throw new Error('the sink has a defect')
    const names = namesOf(batch)
    const bad = names.filter((_, row) => batch.at(row).value === 'p')
    const partly = world.chance(0.5)
    if (bad.length > 0 && !partly) {
      if (bad.length === names.length && names.length === 1) world.refused.add(bad[0]!)
      throw poison()
    }
    if (world.fault(0.1)) {
      // It may have been written all the same: the answer was lost.
      if (bad.length === 0 && world.chance(0.5)) this.#write(names)
      throw passes()
    }
    const failures = this.#failuresOf(batch, names)
    const failed = new Set(failures.map(({ row }) => row))
    const written = names.filter((_, row) => !failed.has(row))
    this.#write(written)
    world.acknowledge(written)
    if (failures.length > 0) throw new PartialBatchError(failures)
  }

  /** Poison by row; and some rows that may pass, with all of their partition behind them where order matters. */
  #failuresOf(batch: RecordBatch, names: readonly string[]): RowFailure[] {
    const world = this.#world
    const blocked = new Set<number>()
    const isFlaky = world.fault(0.15)
    return names.flatMap((name, row): RowFailure[] => {
      const { partition, value } = batch.at(row)
      if (blocked.has(partition) || (isFlaky && world.chance(0.4))) {
        if (world.setting.ordered) blocked.add(partition)
        return [{ row, error: passes() }]
      }
      if (value !== 'p') return []
      world.refused.add(name)
      return [{ row, error: poison() }]
    })
  }

  #write(names: readonly string[]): void {
    // What arrives after the end of the task arrives nowhere.
    if (!this.#isOpen) return
    this.#world.wrote(names)
    if (this.#world.setting.flushes) this.#unsaved.push(...names)
    else for (const name of names) this.#world.durable.add(name)
  }

  async #flush(): Promise<void> {
    const world = this.#world
    const names = this.#unsaved.slice()
    if (world.chance(0.3)) await this.#clock.sleep(world.upTo(20))
    if (world.fatal(0.05)) throw new Error('the disk is full')
    if (world.fault(0.1)) throw passes()
    for (const name of names) world.durable.add(name)
    this.#unsaved = this.#unsaved.slice(names.length)
  }
}

/** A dead letter queue that is down now and then. */
class ChaosDeadLetters implements SinkTask {
  readonly #world: ChaosWorld
  readonly #clock: VirtualClock

  constructor(world: ChaosWorld, clock: VirtualClock) {
    this.#world = world
    this.#clock = clock
  }

  async start(): Promise<void> {}

  async put(batch: RecordBatch): Promise<void> {
    const world = this.#world
    if (world.chance(0.4)) await this.#clock.sleep(world.upTo(30))
    if (world.fatal(0.02)) throw new Error('the dead letter queue has a defect')
    if (world.fault(0.2)) throw world.chance(0.5) ? passes() : new PartialBatchError([{ row: 0, error: passes() }])
    for (const { partition, offset } of batch) world.deadLettered.add(`${partition}/${offset}`)
  }

  async stop(): Promise<void> {}
}

export function chaosEnds(
  world: ChaosWorld,
  clock: VirtualClock,
): { source: ConnectorPlugin; sink: ConnectorPlugin; deadLetters: ConnectorPlugin } {
  const { ordered, concurrency } = world.setting
  const about = { description: 'chaos', config }
  const traits = () => ({ ordered, concurrency, tombstones: 'skip' as const })
  return {
    source: {
      name: 'source',
      ...about,
      source: sourceConnector({ ...about, create: () => new ChaosSource(world, clock) }),
    },
    sink: {
      name: 'sink',
      ...about,
      sink: sinkConnector({ ...about, traits, create: () => new ChaosSink(world, clock) }),
    },
    deadLetters: {
      name: 'dead-letters',
      ...about,
      sink: sinkConnector({ ...about, create: () => new ChaosDeadLetters(world, clock) }),
    },
  }
}
