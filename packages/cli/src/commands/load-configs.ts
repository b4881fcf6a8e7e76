import type { ConfigWarning, Diagnostic, LoadedConfig, WorkerConfig } from '@connect-run/core/runtime'

import type { Host } from '../host.ts'
import type { Screen } from '../output/screen.ts'
import { type DiagnosticFormat, formatDiagnostics } from '../output/diagnostics.ts'

/** Configs in the order of their files, and what is wrong with any of them. */
export interface Loaded {
  readonly configs: readonly WorkerConfig[]
  /** The same, with what else is known of their files. */
  readonly files: readonly LoadedConfig[]
  readonly diagnostics: readonly Diagnostic[]
  readonly warnings: readonly ConfigWarning[]
}

export async function loadConfigs(files: readonly string[], env: Host['env'], host: Host): Promise<Loaded> {
  const results = await Promise.all(files.map((file) => host.loadConfig(file, { env })))
  const loaded = results.flatMap((result) => (result.config === undefined ? [] : [result]))
  return {
    configs: loaded.map(({ config }) => config),
    files: loaded,
    diagnostics: results.flatMap(({ diagnostics }) => diagnostics ?? []),
    warnings: loaded.flatMap(({ warnings }) => warnings),
  }
}

/** Prints what is wrong, and how much of it. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], screen: Screen, format: DiagnosticFormat): void {
  screen.write(formatDiagnostics(diagnostics, format, screen.style))
  if (format !== 'text') return
  const files = new Set(diagnostics.map(({ file }) => file)).size
  const errors = diagnostics.length === 1 ? 'One error' : `${diagnostics.length} errors`
  screen.line(screen.style.red(`${errors} in ${files === 1 ? 'one file' : `${files} files`}.`))
}
