import type { WorkerConfig } from '@connect-run/core/runtime'
import { stateLocation } from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Host } from '../host.ts'
import { Screen } from '../output/screen.ts'
import { type PipelineStatus, statusLines, statusOf } from '../output/status.ts'
import { loadConfigs, printDiagnostics } from './load-configs.ts'
import { failedToStart } from './failed-to-start.ts'

export interface StatusOptions {
  readonly format: 'text' | 'json'
  /** A table of each pipeline's partitions too. */
  readonly partitions: boolean
}

/** Shows what is stored of the pipelines of some files, whether they run or not. Claims and changes nothing. */
export async function status(files: readonly string[], options: StatusOptions, host: Host): Promise<ExitCode> {
  const out = new Screen(host.stdout, host.env)
  const err = new Screen(host.stderr, host.env)
  const { configs, diagnostics } = await loadConfigs(files, host.env, host)
  if (diagnostics.length > 0) {
    printDiagnostics(diagnostics, err, 'text')
    return exitCodes.config
  }
  const found: { readonly config: WorkerConfig; readonly pipelines: readonly PipelineStatus[] }[] = []
  try {
    for (const config of configs) found.push({ config, pipelines: await statusOfWorker(config, host) })
  } catch (error) {
    return failedToStart(error, err)
  }
  if (options.format === 'json') out.write(`${JSON.stringify(found.map(forProgram), null, 2)}\n`)
  else for (const [index, worker] of found.entries()) printWorker(worker, { isFirst: index === 0, options, out })
  const isSound = found.every(({ pipelines }) => pipelines.every(({ addsUp }) => addsUp))
  return isSound ? exitCodes.ok : exitCodes.runtime
}

type WorkerStatus = { readonly config: WorkerConfig; readonly pipelines: readonly PipelineStatus[] }

async function statusOfWorker({ name, pipelines, state }: WorkerConfig, host: Host): Promise<PipelineStatus[]> {
  const logger = host.createLogger({
    format: 'pretty',
    level: 'error',
    destination: new Screen(host.stderr, host.env).asStream(),
  })
  const { stateStore } = await host.openState(state, logger)
  try {
    return await Promise.all(
      pipelines.map(async (pipeline) => statusOf(pipeline, await stateStore.read(`${name}-${pipeline.name}`))),
    )
  } finally {
    await stateStore.close()
  }
}

function forProgram({ config, pipelines }: WorkerStatus): object {
  return { worker: config.name, file: config.file, state: stateLocation(config.state), pipelines }
}

function printWorker(
  { config, pipelines }: WorkerStatus,
  { isFirst, options, out }: { readonly isFirst: boolean; readonly options: StatusOptions; readonly out: Screen },
): void {
  if (!isFirst) out.line()
  const { style } = out
  for (const line of statusLines(config, pipelines, { partitions: options.partitions, style })) out.line(line)
  if (config.state.kind === 'memory') out.line(style.yellow('The state is kept in memory: it ends with its worker.'))
}
