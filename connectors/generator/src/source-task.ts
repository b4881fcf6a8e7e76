import {
  ConnectError,
  EndOfSource,
  type PollLimits,
  type Positions,
  RecordBatch,
  type SourceContext,
  type SourceTask,
} from '@connect-run/core'
import { type RecordMaker, recordMaker } from './record-maker.ts'
import type { GeneratorConfig } from './source-config.ts'

const MAX_BATCH_RECORDS = 10_000

/** Makes record n from the seed and n alone; its position is the number of the next one. */
export class GeneratorSourceTask implements SourceTask<GeneratorConfig> {
  readonly #config: GeneratorConfig
  readonly #maker: RecordMaker
  #context: SourceContext<GeneratorConfig> | undefined
  #next = 0
  #recordBytes = 1
  #pace: Pace = { since: 0, first: 0 }

  constructor(config: GeneratorConfig) {
    this.#config = config
    this.#maker = recordMaker(config)
  }

  async start(context: SourceContext<GeneratorConfig>): Promise<void> {
    const { count, stream } = this.#config
    if (context.once && count === 0) {
      throw new ConnectError('CONFIG_INVALID', 'a generator without `count` never ends, and this is to run once', {
        hint: 'set `count`, or run without --once',
      })
    }
    this.#context = context
    this.#next = context.positions.find((entry) => entry.stream === stream)?.position.offset ?? 0
    this.#recordBytes = Buffer.byteLength(JSON.stringify(this.#maker.value(this.#next, context.clock.now())))
    this.#pace = { since: context.clock.monotonic(), first: this.#next }
  }

  async poll(limits: PollLimits, signal: AbortSignal): Promise<RecordBatch> {
    const { clock } = this.#context!
    const left = this.#config.count === 0 ? Infinity : this.#config.count - this.#next
    if (left <= 0) throw new EndOfSource(`all ${this.#config.count} records were made`)
    if (limits.maxRecords === 0) return RecordBatch.empty
    const due = await this.#due(limits.maxWaitMs, signal)
    const fitting = Math.max(1, Math.floor(limits.maxBytes / this.#recordBytes))
    const count = Math.min(left, due, fitting, limits.maxRecords, MAX_BATCH_RECORDS)
    if (count === 0) return RecordBatch.empty
    const batch = this.#maker.batch({ first: this.#next, count, now: clock.now() })
    this.#next += count
    return batch
  }

  /** How many records the rate allows now; waits for the first of them, up to `maxWaitMs`. */
  async #due(maxWaitMs: number, signal: AbortSignal): Promise<number> {
    const { rate } = this.#config
    if (rate === 0) return Infinity
    const waitMs = this.#dueAt(this.#next) - this.#context!.clock.monotonic()
    if (waitMs > 0) await sleepQuietly(this.#context!, Math.min(waitMs, maxWaitMs), signal)
    const elapsedMs = this.#context!.clock.monotonic() - this.#pace.since
    return Math.max(0, Math.floor((elapsedMs * rate) / 1000) + 1 - (this.#next - this.#pace.first))
  }

  #dueAt(n: number): number {
    return this.#pace.since + ((n - this.#pace.first) * 1000) / this.#config.rate
  }

  async stop(): Promise<void> {}

  async endPositions(): Promise<Positions> {
    const { count, stream } = this.#config
    return count === 0 ? [] : [{ stream, partition: 0, position: { offset: count } }]
  }
}

/** When record `first` was due, on the monotonic clock. */
interface Pace {
  readonly since: number
  readonly first: number
}

/** A poll that is told to return is not an error. */
async function sleepQuietly({ clock }: SourceContext<GeneratorConfig>, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
