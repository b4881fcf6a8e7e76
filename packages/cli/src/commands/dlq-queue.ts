import { setMaxListeners } from 'node:events'

import type { ConnectError } from '@connect-run/core'
import {
  didYouMean,
  listOf,
  openDeadLetterQueue,
  type OpenedQueue,
  type PipelineConfig,
  type RootLogger,
  type Selection,
  systemClock,
  type WorkerConfig,
} from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Host } from '../host.ts'
import { Screen } from '../output/screen.ts'
import { environmentCodes } from './failed-to-start.ts'
import type { LetterFlags } from './dlq-command.ts'
import { loadConfigs, printDiagnostics } from './load-configs.ts'

/** What a command about dead letters works with. */
export interface DlqSetting extends OpenedQueue {
  readonly host: Host
  readonly out: Screen
  readonly err: Screen
  readonly config: WorkerConfig
  readonly pipeline: PipelineConfig
  readonly selection: Selection
  readonly logger: RootLogger
  /** Aborts with the first SIGINT or SIGTERM. */
  readonly stopping: AbortSignal
  /** Aborts with the second. */
  readonly signal: AbortSignal
}

/** Loads the config, opens the queue of the pipeline and runs the command; says what goes wrong. */
export async function withQueue(
  file: string,
  { flags, host }: { readonly flags: LetterFlags; readonly host: Host },
  command: (setting: DlqSetting) => Promise<ExitCode>,
): Promise<ExitCode> {
  const [out, err] = [new Screen(host.stdout, host.env), new Screen(host.stderr, host.env)]
  const { configs, diagnostics } = await loadConfigs([file], host.env, host)
  const config = configs[0]
  if (config === undefined) {
    printDiagnostics(diagnostics, err, 'text')
    return exitCodes.config
  }
  const pipeline = pipelineOf(config, flags.pipeline)
  if (typeof pipeline === 'string') {
    err.line(pipeline)
    return exitCodes.config
  }
  const logger = host.createLogger({ format: 'pretty', level: 'warn', destination: err.asStream() })
  const stops = stopSignals(host)
  try {
    const sharedJournals = await host.openJournals(config.state, logger)
    const runtime = { clock: systemClock, random: Math.random, logger }
    const opened = openDeadLetterQueue({ config, pipeline, sharedJournals, ...runtime })
    const own = flags.anyPipeline === true ? undefined : `${config.name}-${pipeline.name}`
    const selection = { pipeline: own, ...selectionOf(flags) }
    return await command({ ...opened, host, out, err, config, pipeline, selection, logger, ...stops })
  } catch (error) {
    if (stops.stopping.aborted) return exitCodes.runtime
    return failed(error, err)
  } finally {
    stops.unhook()
  }
}

function pipelineOf({ pipelines, file }: WorkerConfig, name: string | undefined): PipelineConfig | string {
  const named = pipelines.map((pipeline) => pipeline.name)
  if (name !== undefined) {
    const found = pipelines.find((pipeline) => pipeline.name === name)
    return found ?? `No pipeline is named "${name}". ${didYouMean(name, named, `Declared: ${listOf(named)}.`)}`
  }
  const able = pipelines.filter(({ errors }) => errors.deadLetterQueue !== undefined)
  if (able.length === 1) return able[0]!
  if (able.length === 0) return `No pipeline of ${file} has a dead letter queue (errors.deadLetterQueue).`
  return `Say which with --pipeline: ${listOf(able.map((pipeline) => pipeline.name))}.`
}

function selectionOf({ code, since, until, stream, partition, offsets }: LetterFlags): Selection {
  return { codes: code, fromMs: since, toMs: until, stream, partition, offsets }
}

function stopSignals(host: Host): Pick<DlqSetting, 'stopping' | 'signal'> & { readonly unhook: () => void } {
  const [stopping, hard] = [new AbortController(), new AbortController()]
  setMaxListeners(0, stopping.signal, hard.signal)
  const unhook = host.onSignal(() => {
    if (!stopping.signal.aborted) return stopping.abort(new Error('stopping'))
    host.exitSoon(exitCodes.runtime)
    hard.abort(new Error('stopped at once'))
  })
  return { stopping: stopping.signal, signal: hard.signal, unhook }
}

function failed(error: unknown, err: Screen): ExitCode {
  const { code = '', message = String(error), hint } = error as Partial<ConnectError>
  err.line(err.style.red(message))
  if (hint !== undefined) err.line(err.style.cyan(hint))
  if (code === 'CONFIG_INVALID') return exitCodes.config
  return environmentCodes.has(code) ? exitCodes.environment : exitCodes.runtime
}
