import type { WorkerConfig } from '@connect-run/core/runtime'

/** What `connect-run torture` takes from the package @connect-run/testkit, which is not installed everywhere. */
export interface TortureKit {
  openEndpoints(options: {
    /** A real Kafka of so many brokers; 0: none. */
    readonly brokers: number
    /** A stand-in for CnosDB in this process. */
    readonly cnosdb: boolean
    /** A real Redis for the state. */
    readonly redis: boolean
  }): Promise<TortureEndpoints>
  subjectsOf(config: WorkerConfig, workers: number): TortureSubjects
  torture(order: TortureOrder): Promise<TortureReport>
}

/** Servers of the run's own. */
export interface TortureEndpoints {
  readonly env: Readonly<Record<string, string>>
  readonly stateUrl: string | undefined
  /** Something that can happen to them; only the kit knows what. */
  readonly faults: readonly unknown[]
  stop(): Promise<void>
}

export interface TortureSubjects {
  readonly pipelines: readonly TortureSubject[]
  readonly refused: readonly { readonly name: string; readonly why: string }[]
}

export interface TortureSubject {
  readonly name: string
  readonly source: { readonly kind: string }
  readonly sink: { readonly kind: string }
  /** Whether it promises that nothing is doubled. */
  readonly once: boolean
}

export interface TortureOrder {
  readonly file: string
  readonly pipelines: readonly TortureSubject[]
  /** What starts this command. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly records: number
  readonly forMs: number
  readonly seed: number
  readonly kills: number
  readonly suspends: number
  readonly workers: number
  readonly faults: readonly unknown[]
  readonly serverFaults: boolean
  readonly stateUrl?: string
  readonly members: Readonly<Record<string, unknown>>
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

export interface TortureReport {
  readonly seed: number
  readonly elapsedMs: number
  /** What was done, and how many times. */
  readonly faults: Readonly<Record<string, number>>
  readonly silentStops: readonly string[]
  readonly pipelines: readonly TorturedPipeline[]
  readonly ok: boolean
}

export interface TorturedPipeline {
  readonly pipeline: string
  /** `kafka -> file` */
  readonly pair: string
  readonly once: boolean
  readonly sent: number
  readonly arrived: number
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
  readonly foreign: number
  readonly examples: readonly string[]
}
