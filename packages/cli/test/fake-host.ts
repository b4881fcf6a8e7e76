import { setTimeout as sleep } from 'node:timers/promises'

import type {
  ConfigWarning,
  Diagnostic,
  LoadedConfig,
  PipelineSnapshot,
  Worker,
  WorkerConfig,
  WorkerOptions,
} from '@connect-run/core/runtime'

import { openStateStore } from '@connect-run/core/runtime'

import type { Host } from '../src/host.ts'

/** Everything written to it, and what a reader of a terminal would see in the end. */
export class FakeStream {
  readonly isTTY: boolean
  readonly columns = 100
  text = ''

  constructor(isTTY = false) {
    this.isTTY = isTTY
  }

  write(text: string): void {
    this.text += text
  }

  /** Applies cursor movements; leaves colours out. */
  get screen(): string {
    const lines = ['']
    // oxlint-disable-next-line no-control-regex -- it is control sequences that are looked for
    for (const token of this.text.split(/(\u001B\[\d*[A-Za-z]|\r|\n)/)) {
      // oxlint-disable-next-line no-control-regex -- the same
      const up = /^\u001B\[(\d+)A$/.exec(token)
      if (up !== null) lines.splice(lines.length - 1 - Number(up[1]))
      if (token === '\n' || up !== null) lines.push('')
      else if (!token.startsWith('\u001B') && token !== '\r') lines[lines.length - 1] += token
    }
    return lines.join('\n')
  }
}

export function snapshot(
  changes: Partial<Omit<PipelineSnapshot, 'ledger'>> = {},
  ledger: object = {},
): PipelineSnapshot {
  const none = { read: 0, written: 0, filtered: 0, skipped: 0, retried: 0, parked: 0 }
  const zero = { ...none, deadLettered: 0, dropped: 0, inFlight: 0, released: 0 }
  const plain = {
    name: 'main',
    state: 'running' as const,
    problem: undefined,
    total: undefined,
    breaker: 'closed' as const,
  }
  return { ...plain, ...changes, ledger: { ...zero, ...ledger } }
}

export function workerConfig(name: string, changes: Partial<WorkerConfig> = {}): WorkerConfig {
  const pipeline = { name: 'main', transforms: [] as unknown } as WorkerConfig['pipelines'][number]
  const plain = {
    file: `${name}.yaml`,
    state: { kind: 'memory' },
    shutdownTimeoutMs: 1000,
    embedded: undefined,
  } as const
  return { name, ...plain, pipelines: [pipeline], ...changes }
}

/** A file that is right. */
export function loaded(config: WorkerConfig, warnings: readonly ConfigWarning[] = []): LoadedConfig {
  return { config, warnings, diagnose: ({ message }) => diagnostic({ file: config.file, message }) }
}

export function diagnostic(changes: Partial<Diagnostic> = {}): Diagnostic {
  return {
    file: 'a.yaml',
    line: 7,
    column: 3,
    endColumn: 8,
    code: 'CONFIG_INVALID',
    path: 'pipelines.main.source.topcs',
    message: 'unknown key "topcs"',
    hint: 'Did you mean "topics"?',
    frame: {
      lines: [
        { number: 6, text: '  connector: kafka' },
        { number: 7, text: '  topcs: [oceanic]' },
      ],
      mark: { line: 7, column: 3, length: 5 },
    },
    ...changes,
  }
}

/** A worker that ends when it is told to, or stopped. */
export class FakeWorker implements Worker {
  readonly config: WorkerConfig
  readonly options: WorkerOptions
  stops = 0
  state: PipelineSnapshot[]
  #end: (() => void) | undefined
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve
  })

  constructor(config: WorkerConfig, options: WorkerOptions) {
    this.config = config
    this.options = options
    this.state = config.pipelines.map(({ name }) => snapshot({ name }))
  }

  /** As the real one, ends by itself when `once`. */
  async run(): ReturnType<Worker['run']> {
    if (this.options.once) void Promise.resolve(this.options.endAfter).then(() => this.end())
    await this.#ended
    const ok = this.state.every(({ state }) => state === 'ended')
    return { pipelines: this.state, ok, forced: this.stops > 1 }
  }

  end(state: PipelineSnapshot['state'] = 'ended'): void {
    if (this.state[0]!.state === 'running') this.state = this.state.map((pipeline) => ({ ...pipeline, state }))
    this.#end!()
  }

  stop(): void {
    this.stops++
    this.end()
  }

  snapshot(): readonly PipelineSnapshot[] {
    return this.state
  }
}

export interface FakeHost extends Host {
  readonly stdout: FakeStream
  readonly stderr: FakeStream
  readonly workers: FakeWorker[]
  readonly logs: unknown[]
  /** Codes that the process was told to end with, soon. */
  readonly forced: number[]
  signal(): void
}

export function fakeHost(changes: Partial<Host> & { configs?: Record<string, WorkerConfig> } = {}): FakeHost {
  const workers: FakeWorker[] = []
  const handlers = new Set<() => void>()
  const logs: unknown[] = []
  const forced: number[] = []
  const log = (fields: object, message: string): void => void logs.push({ ...fields, message })
  const logger = { debug: log, info: log, warn: log, error: log, child: () => logger }
  return {
    env: {},
    cwd: process.cwd(),
    stdout: new FakeStream(),
    stderr: new FakeStream(),
    now: () => performance.now(),
    onSignal: (handler) => {
      handlers.add(handler)
      return () => handlers.delete(handler)
    },
    exitSoon: (code) => void forced.push(code),
    loadConfig: async (file) => {
      const config = changes.configs?.[file]
      if (config === undefined) return { diagnostics: [diagnostic({ file })] }
      return loaded(config)
    },
    createWorker: (config, options) => {
      const worker = new FakeWorker(config, options)
      workers.push(worker)
      return worker
    },
    openState: async () => ({ stateStore: openStateStore({ kind: 'memory' }) }),
    openJournals: async () => undefined,
    probeState: async () => [],
    createLogger: () => logger,
    startEmbedded: () => Promise.reject(new Error('not in this test')),
    loadTorture: () => Promise.reject(new Error('not in this test')),
    ownCommand: ['node', 'connect-run'],
    newSeed: () => 4711,
    workers,
    logs,
    forced,
    signal: () => handlers.forEach((handler) => handler()),
    ...changes,
  } as FakeHost
}

/** Waits until something holds; fails after two seconds. */
export async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 2000; !holds(); await sleep(5)) {
    if (performance.now() > deadline) throw new Error('it did not come to hold within 2 s')
  }
}
