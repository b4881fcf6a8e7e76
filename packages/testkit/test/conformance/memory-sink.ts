import {
  type ConnectorPlugin,
  PartialBatchError,
  type Positions,
  type RecordBatch,
  type RecoverRequest,
  RecordError,
  RetriableError,
  type RowFailure,
  type SinkContext,
  type SinkTask,
  type SinkTraits,
  sinkConnector,
} from '@connect-run/core'
import type { SinkDriver } from '../../src/conformance/index.ts'

interface Config {
  readonly table: string
}

interface Row {
  readonly at: string
  readonly n: number | null
}

interface Table {
  rows: Row[]
  held: { readonly positions: Positions; readonly length: number } | undefined
  answering: Promise<void>
}

/** Places where a sink may be wrong; each changes the right thing into a wrong one. */
export interface SinkDefects {
  rows?(rows: Row[]): Row[]
  readonly traits?: SinkTraits
  readonly readsAllRows?: boolean
  readonly keepsDoubles?: boolean
  readonly ignoresAbort?: boolean
  readonly hangs?: boolean
  failures?(failures: RowFailure[], batch: RecordBatch): unknown
  readonly failsOnTombstones?: boolean
  readonly losesConcurrent?: boolean
  readonly probeWrites?: boolean
  readonly learned?: readonly string[]
  readonly forgetsPositions?: boolean
  readonly keepsUncommitted?: boolean
  readonly unreachableIs?: () => Error
  readonly leaks?: (timer: NodeJS.Timeout) => void
  readonly stopThrows?: boolean
  readonly writesPoison?: boolean
}

const tables = new Map<string, Table>()
let made = 0

class MemorySink implements SinkTask<Config> {
  readonly #name: string
  readonly #defects: SinkDefects
  #started = false
  #putting = 0

  constructor({ table }: Config, defects: SinkDefects) {
    this.#name = table
    this.#defects = defects
  }

  start(_context: SinkContext<Config>): Promise<void> {
    if (!tables.has(this.#name)) {
      const make = this.#defects.unreachableIs ?? (() => new RetriableError('UNREACHABLE', `no table ${this.#name}`))
      return Promise.reject(make())
    }
    this.#started = true
    this.#defects.leaks?.(setInterval(() => undefined, 60_000))
    return Promise.resolve()
  }

  async put(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    if (this.#defects.ignoresAbort !== true) signal.throwIfAborted()
    this.#putting++
    await raced(this.#table.answering, this.#defects.hangs === true ? undefined : signal)
    if (this.#defects.losesConcurrent === true && this.#putting > 1) await Promise.resolve()
    else this.#write(batch)
    this.#putting--
  }

  stop(): Promise<void> {
    if (this.#defects.stopThrows === true && !this.#started) throw new TypeError('not started')
    return Promise.resolve()
  }

  recover(_request: RecoverRequest): Promise<Positions> {
    const { held } = this.#table
    if (this.#defects.keepsUncommitted !== true) this.#table.rows = this.#table.rows.slice(0, held?.length ?? 0)
    return Promise.resolve(this.#defects.forgetsPositions === true ? [] : (held?.positions ?? []))
  }

  commit(positions: Positions): Promise<void> {
    this.#table.held = { positions, length: this.#table.rows.length }
    return Promise.resolve()
  }

  probe(): Promise<void> {
    if (this.#defects.probeWrites === true) this.#table.rows.push({ at: 'probe', n: 0 })
    return Promise.resolve()
  }

  get #table(): Table {
    return tables.get(this.#name)!
  }

  #write(batch: RecordBatch): void {
    const rows: Row[] = []
    const failed: RowFailure[] = []
    const count = this.#defects.readsAllRows === true ? batch.packed.count : batch.length
    for (let i = 0; i < count; i++) {
      const view = this.#defects.readsAllRows === true && count !== batch.length ? undefined : batch
      const at = `${view?.partition(i) ?? batch.packed.partition[i]}/${view?.offset(i) ?? batch.packed.offset[i]}`
      const value = (view === undefined ? { n: batch.packed.offset[i] } : view.value(i)) as {
        n: number
        poison?: true
      } | null
      if (value === null && this.#defects.failsOnTombstones === true) throw new TypeError('value is null')
      if (value?.poison === true) failed.push({ row: i, error: new RecordError('RECORD_REJECTED', 'poison') })
      if (value?.poison !== true || this.#defects.writesPoison === true) rows.push({ at, n: value?.n ?? null })
    }
    for (const row of this.#defects.rows?.(rows) ?? rows) {
      const known = this.#table.rows.findIndex(({ at }) => at === row.at)
      if (known < 0 || this.#defects.keepsDoubles === true) this.#table.rows.push(row)
      else this.#table.rows[known] = row
    }
    if (failed.length > 0) throw this.#defects.failures?.(failed, batch) ?? new PartialBatchError(failed)
  }
}

async function probe({ table }: Config, signal: AbortSignal, defects: SinkDefects): Promise<readonly string[]> {
  const found = tables.get(table)
  if (found === undefined) throw defects.unreachableIs?.() ?? new RetriableError('UNREACHABLE', `no table ${table}`)
  if (defects.probeWrites === true) found.rows.push({ at: 'probe', n: 0 })
  defects.leaks?.(setInterval(() => undefined, 60_000))
  await raced(found.answering, defects.hangs === true ? undefined : signal)
  return defects.learned ?? ['memory']
}

async function raced(answer: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error))
  })
  await Promise.race([answer, aborted])
}

export function memorySinkPlugin(defects: SinkDefects = {}): ConnectorPlugin {
  return {
    name: 'memory',
    description: 'Tables in memory, for tests.',
    sink: sinkConnector<Config>({
      description: 'Writes a table.',
      config: {
        type: 'object',
        required: ['table'],
        properties: { table: { type: 'string', minLength: 1, description: 'The table to write.' } },
      },
      create: (config) => new MemorySink(config, defects),
      probe: (config, { signal }) => probe(config, signal, defects),
      traits: () => ({ ordered: true, idempotent: true, concurrency: 2, ...defects.traits }),
    }),
  }
}

export function memorySinkDriver(defects: SinkDefects = {}): SinkDriver {
  const tableOf = (options: Readonly<Record<string, unknown>>): Table => tables.get(String(options['table']))!
  return {
    plugin: memorySinkPlugin(defects),
    options: () => {
      const table = `table-${made++}`
      tables.set(table, { rows: [], held: undefined, answering: Promise.resolve() })
      return Promise.resolve({ table })
    },
    record: (n) => ({ key: { n }, value: { n } }),
    poison: (n) => ({ value: { n, poison: true } }),
    read: (options) => Promise.resolve(tableOf(options).rows.flatMap(({ n }) => (n === null ? [] : [n]))),
    unreachable: () => Promise.resolve({ table: 'nowhere' }),
    hang: (options) => {
      let resume!: () => void
      tableOf(options).answering = new Promise((resolve) => (resume = resolve))
      return Promise.resolve(() => Promise.resolve(resume()))
    },
    cleanUp: (options) => {
      tables.delete(String(options['table']))
      return Promise.resolve()
    },
    deadlineMs: 500,
  }
}
