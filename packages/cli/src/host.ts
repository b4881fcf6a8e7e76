import type {
  LoadOptions,
  LoadResult,
  LoggerOptions,
  RootLogger,
  SharedJournals,
  StateConfig,
  StateStore,
  Worker,
  WorkerConfig,
  WorkerOptions,
} from '@connect-run/core/runtime'

import type { OutputStream } from './output/screen.ts'
import type { TortureKit } from './torture-kit.ts'

export const logFormats = ['pretty', 'json'] as const
export const logLevels = ['debug', 'info', 'warn', 'error'] as const

export type LogFormat = (typeof logFormats)[number]
export type LogLevel = (typeof logLevels)[number]

/** Servers inside this process, for demos. */
export interface EmbeddedServices {
  /** Their addresses, by the variables that configs name them with. */
  readonly env: Readonly<Record<string, string>>
  query(sql: string): Promise<{ readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] }>
  stop(): Promise<void>
}

/** Where a worker keeps what it must find again. */
export interface OpenedState extends Pick<WorkerOptions, 'parkingLot'> {
  readonly stateStore: StateStore
}

/** What a command takes from outside: the process, the engine, the clock. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** Milliseconds that only go forward. */
  readonly now: () => number
  /** Calls back for each SIGINT and SIGTERM until the returned function is called. */
  readonly onSignal: (stop: () => void) => () => void
  /** Ends the process with the code after a moment, whatever still runs. */
  readonly exitSoon: (code: number) => void
  readonly loadConfig: (file: string, options: LoadOptions) => Promise<LoadResult>
  readonly createWorker: (config: WorkerConfig, options: WorkerOptions) => Worker
  /** Rejects where the package for it is not installed. The caller closes the store, or hands it to a worker. */
  readonly openState: (state: StateConfig, logger: RootLogger) => Promise<OpenedState>
  /** Undefined where the state is none that hosts share. Rejects where the package for it is not installed. */
  readonly openJournals: (state: StateConfig, logger: RootLogger) => Promise<SharedJournals | undefined>
  /**
   * Whether the state of tasks could be kept there, without changing anything: what was learned, a few words each. Rejects
   * where it could not be, or the package for it is not installed.
   */
  readonly probeState: (state: StateConfig, tasks: readonly string[], signal: AbortSignal) => Promise<readonly string[]>
  readonly createLogger: (options: LoggerOptions) => RootLogger
  /** Rejects where the package with the embedded services is not installed. */
  readonly startEmbedded: () => Promise<EmbeddedServices>
  /** Rejects where the package is not installed. */
  readonly loadTorture: () => Promise<TortureKit>
  /** What starts this command in another process. */
  readonly ownCommand: readonly string[]
  /** For what is to be repeated later: any number. */
  readonly newSeed: () => number
}
