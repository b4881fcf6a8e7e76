import { ConnectError, isConnectError, type ProbeContext, unlessAborted } from '@connect-run/core'
import {
  type Diagnostic,
  type EndConfig,
  type Issue,
  type LoadedConfig,
  type PipelineConfig,
  systemClock,
  type WorkerConfig,
} from '@connect-run/core/runtime'

import type { Host } from '../host.ts'

/** What a file names that can be asked. */
export interface ProbedEnd {
  /** Undefined for what the pipelines of a file share. */
  readonly pipeline: string | undefined
  readonly end: 'source' | 'sink' | 'dead letters' | 'state'
  /** Or the kind of the state. */
  readonly connector: string
  readonly path: Issue['path']
  /** Undefined where the connector has none. */
  readonly probe: ((signal: AbortSignal) => Promise<readonly string[]>) | undefined
}

export interface ProbeResult {
  readonly worker: string
  readonly end: ProbedEnd
  readonly outcome: 'ok' | 'failed' | 'not probed'
  /** What the other side told, a few words each. */
  readonly learned: readonly string[]
  /** Where the end stands in its file; with what is wrong there, if anything is. */
  readonly place: Diagnostic
}

export interface ProbeOptions {
  /** How long each may take, in milliseconds. */
  readonly limitMs: number
  /** Aborts when nobody wants to know any more. */
  readonly signal: AbortSignal
  readonly host: Host
}

/** So many at a time: some clients hold a thread while they wait, and there are not more to spare. */
const LANES = 8

/** Asks all ends that some files name, several at a time; the results, none of which rejects, are in their order. */
export function probeEnds(files: readonly LoadedConfig[], options: ProbeOptions): Promise<ProbeResult>[] {
  const lanes: Promise<unknown>[] = Array.from({ length: LANES }, () => Promise.resolve())
  const all = files.flatMap((file) => endsOf(file.config, options.host).map((end) => ({ file, end })))
  return all.map(({ file, end }, i) => {
    const result = lanes[i % LANES]!.then(() => probeEnd(file, end, options))
    lanes[i % LANES] = result
    return result
  })
}

async function probeEnd(
  { config, diagnose }: LoadedConfig,
  end: ProbedEnd,
  options: ProbeOptions,
): Promise<ProbeResult> {
  const at: Issue = { path: end.path, message: '', at: 'key' }
  const result = { worker: config.name, end, learned: [], place: diagnose(at) }
  if (end.probe === undefined) return { ...result, outcome: 'not probed' }
  try {
    return { ...result, outcome: 'ok', learned: await inTime(end.probe, options) }
  } catch (error) {
    const { code, message, hint } = isConnectError(error) ? error : foreign(end, error)
    const issue = { ...at, code, message, ...(hint === undefined ? {} : { hint }) }
    return { ...result, outcome: 'failed', place: diagnose(issue) }
  }
}

function foreign({ connector }: ProbedEnd, error: unknown): ConnectError {
  return new ConnectError('PLUGIN_INVALID', `the probe of ${connector} broke: ${String(error)}`, {
    hint: 'Report it to the author of the connector.',
  })
}

async function inTime<T>(ask: (signal: AbortSignal) => Promise<T>, { limitMs, signal }: ProbeOptions): Promise<T> {
  signal.throwIfAborted()
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(tooLate(limitMs)), limitMs)
  const over = AbortSignal.any([limit.signal, signal])
  try {
    return await unlessAborted(ask(over), over)
  } finally {
    clearTimeout(timer)
  }
}

function tooLate(limitMs: number): ConnectError {
  return new ConnectError('TIMEOUT', `no answer within ${limitMs / 1000} s`, {
    hint: 'Check the address, and whether something on the way drops the connection.',
  })
}

function endsOf(config: WorkerConfig, host: Host): ProbedEnd[] {
  const ends = config.pipelines.flatMap((pipeline) => endsOfPipeline(config, pipeline))
  return [...ends, ...stateOf(config, host)]
}

function endsOfPipeline({ name: worker }: WorkerConfig, pipeline: PipelineConfig): ProbedEnd[] {
  const { name, source, sink, errors } = pipeline
  const path = ['pipelines', name]
  const lent = { worker, pipeline: name, clock: systemClock, logger: silent }
  const streams = source.plugin.source?.streams?.(source.config as never)
  const { deadLetterQueue: queue } = errors
  const ends: Asked[] = [
    { ...source, end: 'source', path: [...path, 'source'], context: { ...lent, streams: undefined } },
    { ...sink, end: 'sink', path: [...path, 'sink'], context: { ...lent, streams } },
  ]
  if (queue?.kind === 'sink') {
    const at = [...path, 'errors', 'deadLetterQueue']
    ends.push({ ...queue, end: 'dead letters', path: at, context: { ...lent, streams: undefined } })
  }
  return ends.map((end) => askable(name, end))
}

interface Asked extends Pick<EndConfig, 'plugin' | 'config'>, Pick<ProbedEnd, 'end' | 'path'> {
  readonly context: Omit<ProbeContext, 'signal'>
}

function askable(pipeline: string, { plugin, config, end, path, context }: Asked): ProbedEnd {
  const connector = end === 'source' ? plugin.source : plugin.sink
  const probe = connector?.probe?.bind(connector)
  return {
    pipeline,
    end,
    connector: plugin.name,
    path,
    probe: probe && (async (signal) => probe(config as never, { ...context, signal })),
  }
}

function stateOf({ name, state, pipelines }: WorkerConfig, { probeState }: Host): ProbedEnd[] {
  if (state.kind === 'memory') return []
  const tasks = pipelines.map((pipeline) => `${name}-${pipeline.name}`)
  const probe = (signal: AbortSignal): Promise<readonly string[]> => probeState(state, tasks, signal)
  return [{ pipeline: undefined, end: 'state', connector: state.kind, path: ['state', 'url'], probe }]
}

const ignore = (): void => undefined
const silent: ProbeContext['logger'] = { debug: ignore, info: ignore, warn: ignore, error: ignore }
