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
  const explained = configs.flatMap((config) => explanationsOf(config))
  if (format === 'json') out.write(`${JSON.stringify(explained, null, 2)}\n`)
  else for (const [index, one] of explained.entries()) print(one, index === 0, out)
  return exitCodes.ok
}

type Explained = Explanation & { readonly worker: string; readonly file: string }

function explanationsOf({ name, file, pipelines, state }: WorkerConfig): Explained[] {
  return pipelines.map((pipeline) => ({ worker: name, file, ...explainPipeline(pipeline, state) }))
}

function print(explanation: Explained, isFirst: boolean, out: Screen): void {
  if (!isFirst) out.line()
  for (const line of explanationLines(explanation, out.columns, out.style)) out.line(line)
}
