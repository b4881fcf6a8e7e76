import { type Explanation, explainPipeline, type WorkerConfig } from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Host } from '../host.ts'
import { explanationLines } from '../output/explanation.ts'
import { Screen } from '../output/screen.ts'
import { loadConfigs, printDiagnostics } from './load-configs.ts'

export interface ExplainOptions {
  readonly format: 'text' | 'json'
}

/** Says what the pipelines of some files guarantee, and why. Connects to nothing and starts nothing. */
export async function explain(files: readonly string[], { format }: ExplainOptions, host: Host): Promise<ExitCode> {
  const out = new Screen(host.stdout, host.env)
  const { configs, diagnostics } = await loadConfigs(files, host.env, host)
  if (diagnostics.length > 0) {
    printDiagnostics(diagnostics, new Screen(host.stderr, host.env), 'text')
    return exitCodes.config
  }
  if (format === 'json') out.write(`${JSON.stringify(configs.flatMap(explanationsOf), null, 2)}\n`)
  else {
    const sections = configs.flatMap((config) => sectionsOf(config, configs.length > 1, out))
    out.write(`${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`)
  }
  return exitCodes.ok
}

type Explained = Explanation & { readonly worker: string; readonly file: string }

function explanationsOf({ name, file, pipelines, state }: WorkerConfig): Explained[] {
  return pipelines.map((pipeline) => ({ worker: name, file, ...explainPipeline(pipeline, state) }))
}

/** Lines for each pipeline; where there are several files, those of the file come first. */
function sectionsOf(config: WorkerConfig, isOneOfMany: boolean, { columns, style }: Screen): string[][] {
  const sections = explanationsOf(config).map((explanation) => explanationLines(explanation, columns, style))
  return isOneOfMany ? [[`${style.bold(config.name)}  ${config.file}`], ...sections] : sections
}
