import type { Positions, RecordBatch } from '../../src/index.ts'
import type { StateStore } from '../../src/state/state-store.ts'
import { chaosState } from './chaos-state.ts'

/** What becomes of a piece of a record: good ones are written, `f` is filtered, `x` fails in a transform, `p` in the sink. */
type Piece = 'g' | 'f' | 'x' | 'p'

/** A record of the simulated topic: its pieces where a transform splits it, else one. */
export interface ChaosRecord {
  readonly partition: number
  readonly offset: number
  /** `split:gxp` | `one:g` | `undecodable` | null for a tombstone, which the sink skips. */
  readonly value: string | null
}

export interface ChaosSetting {
  readonly seed: number
  readonly partitions: number
  readonly recordsEach: number
  readonly ordered: boolean
  readonly concurrency: number
  readonly batchRecords: number
  readonly lingerMs: number
  readonly maxInFlight: number
  readonly flushes: boolean
  readonly deadLetters: boolean
  readonly poison: boolean
  readonly splits: boolean
  /** How many things go wrong at either end, at most. */
  readonly faults: number
  /** Whether an end may throw what fails the task. */
  readonly fatal: boolean
  readonly rebalances: number
  /** The state store keeps the positions, and not the source: then no partition comes or goes. */
  readonly stored: boolean
  readonly stops: readonly { readonly afterMs: number; readonly kill: boolean }[]
}

/** What outlives every task: the topic, the committed positions, and what has reached the sink. */
export class ChaosWorld {
  readonly setting: ChaosSetting
  readonly topic: readonly (readonly ChaosRecord[])[]
  readonly ends: readonly number[]
  readonly committed: number[]
  /** Pieces that survive a crash of the sink; `partition/offset#index`. */
  readonly durable = new Set<string>()
  /** Records whose dead letter survives a crash. */
  readonly deadLettered = new Set<string>()
  /** Pieces that the sink has refused. */
  readonly refused = new Set<string>()
  /** How often the sink has said that it wrote the piece. */
  readonly acknowledged = new Map<string, number>()
  /** Pieces in the order in which they were written for the first time. */
  readonly firstWrites = new Set<string>()
  readonly violations: string[] = []
  readonly state: StateStore = chaosState(this)
  sourceStarts = 0
  faultsLeft: number
  fatalLeft: number
  rebalancesLeft: number
  #state: number

  constructor(setting: ChaosSetting) {
    this.setting = setting
    this.#state = setting.seed
    this.faultsLeft = setting.faults
    this.fatalLeft = setting.fatal ? 3 : 0
    this.rebalancesLeft = setting.rebalances
    this.topic = Array.from({ length: setting.partitions }, (_, partition) => this.#fill(partition))
    // A position may stand behind the last record: the end of a transaction.
    this.ends = this.topic.map((records) => records[records.length - 1]!.offset + 1 + this.upTo(2))
    this.committed = this.topic.map(() => 0)
  }

  random = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 to `most`, inclusive. */
  upTo(most: number): number {
    return Math.floor(this.random() * (most + 1))
  }

  chance(share: number): boolean {
    return this.random() < share
  }

  pick<T>(from: readonly T[]): T {
    return from[this.upTo(from.length - 1)]!
  }

  /** Whether something goes wrong now. */
  fault(share: number): boolean {
    return this.faultsLeft > 0 && this.chance(share) && this.faultsLeft-- > 0
  }

  fatal(share: number): boolean {
    return this.fatalLeft > 0 && this.chance(share) && this.fatalLeft-- > 0
  }

  /** The invariant of all: nothing before a position that passes may be lost. */
  passing(positions: Positions): void {
    for (const { partition, position } of positions) {
      for (const record of this.topic[partition]!) {
        if (record.offset < position.offset && !this.#isSafe(record)) {
          this.violations.push(`${partition}: ${position.offset} passes ${record.offset} (${record.value})`)
        }
      }
      if (position.offset < this.committed[partition]!) this.violations.push(`${partition}: goes back`)
    }
  }

  wrote(pieces: readonly string[]): void {
    for (const piece of pieces) this.firstWrites.add(piece)
  }

  acknowledge(pieces: readonly string[]): void {
    for (const piece of pieces) this.acknowledged.set(piece, (this.acknowledged.get(piece) ?? 0) + 1)
  }

  /** All pieces that must be in the sink in the end. */
  goodPieces(): string[] {
    return this.topic.flat().flatMap((record) => named(record).filter((_, i) => piecesOf(record)[i] === 'g'))
  }

  get finished(): boolean {
    return this.committed.every((offset, partition) => offset >= this.ends[partition]!)
  }

  #isSafe(record: ChaosRecord): boolean {
    const names = named(record)
    const letters = !this.setting.deadLetters || this.deadLettered.has(`${record.partition}/${record.offset}`)
    if (record.value === 'undecodable') return letters
    return piecesOf(record).every((piece, i) => {
      if (piece === 'g') return this.durable.has(names[i]!)
      if (piece === 'p') return letters && this.refused.has(names[i]!)
      return piece === 'f' || letters
    })
  }

  #fill(partition: number): ChaosRecord[] {
    let offset = this.upTo(3)
    return Array.from({ length: this.setting.recordsEach }, () => {
      const record = { partition, offset, value: this.#value() }
      // Compaction leaves gaps.
      offset += this.chance(0.2) ? 1 + this.upTo(5) : 1
      return record
    })
  }

  #value(): string | null {
    const { poison, splits } = this.setting
    if (this.chance(0.05)) return null
    if (poison && this.chance(0.05)) return 'undecodable'
    const pieces: Piece[] = poison ? ['g', 'g', 'g', 'g', 'f', 'x', 'p'] : ['g', 'g', 'g', 'f']
    if (splits && this.chance(0.3)) {
      return `split:${Array.from({ length: 1 + this.upTo(3) }, () => this.pick(pieces)).join('')}`
    }
    return `one:${this.chance(0.6) ? 'g' : this.pick(pieces)}`
  }
}

function piecesOf({ value }: ChaosRecord): readonly string[] {
  return value === null || value === 'undecodable' ? [] : value.slice(value.indexOf(':') + 1).split('')
}

function named(record: ChaosRecord): string[] {
  return piecesOf(record).map((_, index) => `${record.partition}/${record.offset}#${index}`)
}

/** The names of the pieces in a batch. */
export function namesOf(batch: RecordBatch): string[] {
  return Array.from(batch, ({ partition, offset, index }) => `${partition}/${offset}#${index}`)
}
