import {
  didYouMean,
  listOf,
  type PipelineSnapshot,
  type RootLogger,
  type WorkerConfig,
} from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { EmbeddedServices, Host, LogFormat, LogLevel } from '../host.ts'
import { ledgerTable } from '../output/ledger.ts'
import { showProgress } from '../output/progress.ts'
import { Screen } from '../output/screen.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { environmentCodes, failedToStart } from './failed-to-start.ts'
import { type Loaded, loadConfigs, printDiagnostics } from './load-configs.ts'
import { printQuery, startDemo, withCompanions } from './embedded.ts'

export interface RunOptions {
  /** Pipelines to run; all where empty. */
  readonly only: readonly string[]
  readonly once: boolean
  readonly embedded: boolean
  readonly logFormat: LogFormat | undefined
  readonly logLevel: LogLevel | undefined
}

/** Runs the pipelines of some files until they end or are stopped. */
export async function run(files: readonly string[], options: RunOptions, host: Host): Promise<ExitCode> {
  const err = new Screen(host.stderr, host.env)
  const prepare = (env: Host['env']): Promise<Prepared | undefined> => prepared(files, { options, env, host, err })
  // Looked at before servers are started for it; their addresses stand in for the real ones.
  const first = await prepare(options.embedded ? { ...host.env, ...addresses } : host.env)
  if (first === undefined) return exitCodes.config
  if (!options.embedded) return runAll(first, { options, host, err, services: undefined })
  const services = await startDemo(host, err)
  if (services === undefined) return exitCodes.environment
  try {
    const second = await prepare({ ...host.env, ...services.env })
    return second === undefined ? exitCodes.config : await runAll(second, { options, host, err, services })
  } finally {
    await services.stop()
  }
}

const addresses = { KAFKA_BROKERS: '127.0.0.1:9092', CNOSDB_URL: 'http://127.0.0.1:8902' }

interface Prepared {
  readonly configs: readonly WorkerConfig[]
  /** What runs beside them with `--embedded`. */
  readonly companions: readonly WorkerConfig[]
}

interface Preparing {
  readonly options: RunOptions
  readonly env: Host['env']
  readonly host: Host
  readonly err: Screen
}

const nothing: Loaded = { configs: [], files: [], diagnostics: [], warnings: [] }

async function prepared(
  files: readonly string[],
  { options, env, host, err }: Preparing,
): Promise<Prepared | undefined> {
  const main = await loadConfigs(files, env, host)
  const beside = options.embedded ? await withCompanions(main.configs, env, host) : nothing
  const diagnostics = [...main.diagnostics, ...beside.diagnostics]
  if (diagnostics.length > 0) {
    printDiagnostics(diagnostics, err, 'text')
    err.line('Nothing was started.')
    return undefined
  }
  const objection = unknownPipeline(main.configs, options.only) ?? sharedName([...main.configs, ...beside.configs])
  if (objection !== undefined) {
    err.line(objection)
    return undefined
  }
  const configs = main.configs
    .map((config) => narrowed(config, options))
    .filter(({ pipelines }) => pipelines.length > 0)
  return { configs, companions: beside.configs.map((config) => narrowed(config, { ...options, only: [] })) }
}

function narrowed(config: WorkerConfig, { only, embedded }: RunOptions): WorkerConfig {
  const pipelines = config.pipelines.filter(({ name }) => only.length === 0 || only.includes(name))
  return { ...config, pipelines, state: embedded ? { kind: 'memory' } : config.state }
}

function unknownPipeline(configs: readonly WorkerConfig[], only: readonly string[]): string | undefined {
  const names = configs.flatMap(({ pipelines }) => pipelines.map(({ name }) => name))
  const unknown = only.find((name) => !names.includes(name))
  if (unknown === undefined) return undefined
  return `No pipeline is named "${unknown}". ${didYouMean(unknown, names, `Declared: ${listOf(names)}.`)}`
}

/** Groups and state are named after workers: two of one name would take each other's records. */
function sharedName(configs: readonly WorkerConfig[]): string | undefined {
  for (const [index, { name, file }] of configs.entries()) {
    const other = configs.slice(0, index).find((earlier) => earlier.name === name)
    if (other !== undefined) return `${other.file} and ${file} have the same name "${name}". Rename one of them.`
  }
  return undefined
}

interface Running {
  readonly options: RunOptions
  readonly host: Host
  readonly err: Screen
  readonly services: EmbeddedServices | undefined
}

async function runAll({ configs, companions }: Prepared, running: Running): Promise<ExitCode> {
  const { options, host, err, services } = running
  const interactive = err.isTerminal || options.once || options.embedded
  const format = options.logFormat ?? (interactive ? 'pretty' : 'json')
  const logger = host.createLogger({
    format,
    level: options.logLevel ?? (options.embedded ? 'warn' : 'info'),
    destination: err.asStream(),
  })
  let fleet: Fleet
  try {
    fleet = await startFleet({ configs, companions, once: options.once || options.embedded, logger, host })
  } catch (error) {
    return failedToStart(error, err)
  }
  const say = (text: string): void => (format === 'json' ? logger.info({}, text) : err.line(text))
  const unhook = hookSignals(fleet, host, say)
  const progress =
    format === 'pretty' ? showProgress({ screen: err, snapshot: fleet.snapshot, now: host.now }) : undefined
  try {
    const { ok } = await fleet.ended
    progress?.stop()
    if (format === 'json') logLedger(fleet.snapshot(), logger)
    else await printEnd(fleet, configs, { host, err, services })
    // What runs on stand-ins is there to be looked at: who has seen enough has not cut anything short.
    const isSeen = options.embedded && fleet.snapshot().every(({ state }) => state === 'ended' || state === 'stopped')
    return ok || isSeen ? exitCodes.ok : codeOf(fleet.snapshot())
  } catch (error) {
    progress?.stop()
    return failedToStart(error, err)
  } finally {
    unhook()
  }
}

function hookSignals(fleet: Fleet, host: Host, say: (text: string) => void): () => void {
  let signals = 0
  return host.onSignal(() => {
    if (signals++ === 0) say('Stopping: finishing and committing what is in flight. Ctrl-C again ends at once.')
    else host.exitSoon(exitCodes.runtime)
    fleet.stop()
  })
}

function logLedger(pipelines: readonly PipelineSnapshot[], logger: RootLogger): void {
  for (const { name, state, ledger, problem } of pipelines) {
    logger.info({ pipeline: name, state, problem, ...ledger }, 'ledger')
  }
}

async function printEnd(
  fleet: Fleet,
  configs: readonly WorkerConfig[],
  { host, err, services }: Pick<Running, 'host' | 'err' | 'services'>,
): Promise<void> {
  const out = new Screen(host.stdout, host.env)
  for (const { embedded } of configs) {
    if (services !== undefined && embedded?.query !== undefined) await printQuery(embedded.query, services, out)
  }
  const pipelines = fleet.snapshot()
  // Not on stdout, which may be where a sink writes its records.
  err.line()
  for (const line of ledgerTable(pipelines, err.style)) err.line(line)
  for (const { name, state, problem, failure } of pipelines) {
    if (state !== 'failed' && state !== 'stopped') continue
    const { what, paint, otherwise } = unhappyEnds[state]
    err.line(err.style[paint](`\n${name} ${what}: ${failure?.message ?? problem ?? otherwise}`))
    if (failure?.hint !== undefined) err.line(err.style.cyan(failure.hint))
  }
}

const unhappyEnds = {
  failed: { what: 'failed', paint: 'red', otherwise: 'see the log above' },
  stopped: { what: 'was stopped', paint: 'yellow', otherwise: 'before it had done its work' },
} as const

/** Of a run that did not end well. */
function codeOf(pipelines: readonly PipelineSnapshot[]): ExitCode {
  const failed = pipelines.filter(({ state }) => state === 'failed' || state === 'stopped')
  const isEnvironment = failed.length > 0 && failed.every(({ failure }) => environmentCodes.has(failure?.code ?? ''))
  return isEnvironment ? exitCodes.environment : exitCodes.runtime
}
