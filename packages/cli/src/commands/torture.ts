import { type WorkerConfig, listOf, parseDuration } from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Host } from '../host.ts'
import { Screen } from '../output/screen.ts'
import { tortureReport } from '../output/torture-report.ts'
import type {
  TortureEndpoints,
  TortureKit,
  TortureOrder,
  TortureReport,
  TortureSubject,
  TortureSubjects,
} from '../torture-kit.ts'
import { loadConfigs, printDiagnostics } from './load-configs.ts'

export interface TortureOptions {
  /** Pipelines to torture; all that can be where empty. */
  readonly only: readonly string[]
  /** How long the load lasts: a duration with its unit. */
  readonly for: string
  /** Undefined: a new one. */
  readonly seed: number | undefined
  readonly records: number
  /** Undefined: one in six seconds. */
  readonly kills: number | undefined
  /** Undefined: one in thirty seconds. */
  readonly suspends: number | undefined
  readonly workers: number
  /** JSON members of every record. */
  readonly record: string
  /** Whether servers fail as well. */
  readonly faults: boolean
  readonly embedded: boolean
  readonly brokers: number
  readonly redis: boolean
  readonly format: 'text' | 'json'
}

const KILL_EVERY_MS = 6000
const SUSPEND_EVERY_MS = 30_000
const LEAST_MS = 1000

/** Kills and hampers workers that run the pipelines of a file, and shows what became of the records. */
export async function torture(file: string, options: TortureOptions, host: Host): Promise<ExitCode> {
  const err = new Screen(host.stderr, host.env)
  const objection = objectionTo(options)
  if (objection !== undefined) return refused(objection, err)
  // Looked at before servers are started for it; their addresses stand in for the real ones.
  const first = await loaded(file, options.embedded ? { ...host.env, ...addresses } : host.env, host, err)
  if (first === undefined) return exitCodes.config
  let kit: TortureKit
  let endpoints: TortureEndpoints
  try {
    kit = await host.loadTorture()
    const { pipelines } = chosen(kit.subjectsOf(first, options.workers), options.only)
    const kinds = new Set(pipelines.flatMap(kindsOf))
    endpoints = await kit.openEndpoints({
      brokers: options.embedded && kinds.has('kafka') ? options.brokers : 0,
      cnosdb: options.embedded && kinds.has('cnosdb'),
      redis: options.redis,
    })
  } catch (error) {
    return notStarted(error, err)
  }
  try {
    return await tortured(file, { options, host, err, kit, endpoints })
  } finally {
    await endpoints.stop()
  }
}

const addresses = { KAFKA_BROKERS: '127.0.0.1:9092', CNOSDB_URL: 'http://127.0.0.1:8902' }

function kindsOf({ source, sink }: TortureSubject): readonly string[] {
  return [source.kind, sink.kind]
}

interface Running {
  readonly options: TortureOptions
  readonly host: Host
  readonly err: Screen
  readonly kit: TortureKit
  readonly endpoints: TortureEndpoints
}

async function tortured(file: string, running: Running): Promise<ExitCode> {
  const { options, host, err, kit, endpoints } = running
  const config = await loaded(file, { ...host.env, ...endpoints.env }, host, err)
  if (config === undefined) return exitCodes.config
  const { pipelines, refused: unfit } = chosen(kit.subjectsOf(config, options.workers), options.only)
  for (const { name, why } of unfit) err.line(err.style.yellow(`${name} is left out: ${why}.`))
  if (pipelines.length === 0) return refused('There is no pipeline to torture.', err)
  const over = new AbortController()
  const unhook = hookSignals(over, host, err)
  try {
    const order = orderOf(running, { file, pipelines, signal: over.signal })
    err.line(
      `${pipelines.map(({ name }) => name).join(', ')}: ${order.records} records in ${options.for}, seed ${order.seed}`,
    )
    const report = await kit.torture(order)
    const out = new Screen(host.stdout, host.env)
    if (options.format === 'json') out.line(JSON.stringify(report, undefined, 2))
    else for (const line of tortureReport(report, out.style)) out.line(line)
    for (const line of doubtsOf(report, config)) err.line(err.style.cyan(line))
    return report.ok ? exitCodes.ok : exitCodes.runtime
  } catch (error) {
    err.line(err.style.red(`The torture came to no end: ${(error as Error).message}`))
    return exitCodes.runtime
  } finally {
    unhook()
  }
}

/** What looks like a loss and need not be one. */
function doubtsOf(report: TortureReport, { pipelines }: WorkerConfig): string[] {
  const lossy = new Set(report.pipelines.filter(({ lost }) => lost > 0).map(({ pipeline }) => pipeline))
  const doubtful = pipelines.filter(({ name, transforms }) => lossy.has(name) && transforms.length > 0)
  return doubtful.map(({ name }) => {
    const cure = `Give the records what its transforms let pass, such as --record '{"unit":"hPa"}'.`
    return `${name} has transforms: what these drop counts as lost here. ${cure}`
  })
}

function orderOf(
  { options, host, err, endpoints }: Running,
  given: Pick<TortureOrder, 'file' | 'pipelines' | 'signal'>,
): TortureOrder {
  const forMs = parseDuration(options.for)!
  return {
    ...given,
    command: host.ownCommand,
    env: { ...host.env, ...endpoints.env },
    records: options.records,
    forMs,
    seed: options.seed ?? host.newSeed(),
    kills: options.kills ?? Math.ceil(forMs / KILL_EVERY_MS),
    suspends: options.suspends ?? Math.floor(forMs / SUSPEND_EVERY_MS),
    workers: options.workers,
    faults: options.faults ? endpoints.faults : [],
    serverFaults: options.faults,
    ...(endpoints.stateUrl === undefined ? {} : { stateUrl: endpoints.stateUrl }),
    members: JSON.parse(options.record) as Record<string, unknown>,
    say: (line) => err.line(err.style.dim(line)),
  }
}

/** What is wrong with the command line. */
function objectionTo({ for: forText, record }: TortureOptions): string | undefined {
  const forMs = parseDuration(forText)
  if (forMs === undefined || forMs < LEAST_MS) return `--for ${forText}: a duration of at least 1s, such as 90s or 5m.`
  if (!isObjectText(record)) return `--record ${record}: a JSON object, such as '{"unit":"hPa"}'.`
  return undefined
}

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

async function loaded(file: string, env: Host['env'], host: Host, err: Screen): Promise<WorkerConfig | undefined> {
  const { configs, diagnostics } = await loadConfigs([file], env, host)
  if (diagnostics.length > 0) printDiagnostics(diagnostics, err, 'text')
  return configs[0]
}

function chosen({ pipelines, refused: unfit }: TortureSubjects, only: readonly string[]): TortureSubjects {
  if (only.length === 0) return { pipelines, refused: unfit }
  const names = [...pipelines, ...unfit].map(({ name }) => name)
  const unknown = only.filter((name) => !names.includes(name))
  return {
    pipelines: pipelines.filter(({ name }) => only.includes(name)),
    refused: [
      ...unfit.filter(({ name }) => only.includes(name)),
      ...unknown.map((name) => ({ name, why: `there is no such pipeline, but ${listOf(names)}` })),
    ],
  }
}

function hookSignals(over: AbortController, host: Host, err: Screen): () => void {
  return host.onSignal(() => {
    if (over.signal.aborted) return host.exitSoon(exitCodes.runtime)
    err.line('The load ends here; what was sent is waited for. Ctrl-C again ends at once.')
    over.abort()
  })
}

function refused(why: string, err: Screen): ExitCode {
  err.line(err.style.red(why))
  return exitCodes.config
}

function notStarted(error: unknown, err: Screen): ExitCode {
  const { code, message } = error as { code?: string; message?: string }
  err.line(err.style.red(`The torture cannot be started: ${message ?? String(error)}`))
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') {
    err.line(err.style.cyan('It needs the package @connect-run/testkit: npm install --save-dev @connect-run/testkit'))
  }
  return exitCodes.environment
}
