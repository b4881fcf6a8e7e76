import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { looksLikeConfig, type WorkerConfig } from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Host } from '../host.ts'
import type { DiagnosticFormat } from '../output/diagnostics.ts'
import { Screen } from '../output/screen.ts'
import { loadConfigs, printDiagnostics } from './load-configs.ts'

/** Checks files, and all YAML below folders, without starting anything. */
export async function validate(paths: readonly string[], format: DiagnosticFormat, host: Host): Promise<ExitCode> {
  const out = new Screen(host.stdout, host.env)
  const err = new Screen(host.stderr, host.env)
  const found = [...new Set(paths.flatMap(yamlFiles))]
  const others = found.filter((file) => !paths.includes(file) && !looksLikeConfig(readFileSync(file, 'utf8')))
  for (const file of others) err.line(`skipped  ${file}  it has neither \`name\` nor \`pipelines\``)
  const files = found.filter((file) => !others.includes(file))
  if (files.length === 0) {
    err.line(`No config (.yaml or .yml) in ${paths.join(', ')}.`)
    return exitCodes.config
  }
  const { configs, diagnostics, warnings } = await loadConfigs(files, host.env, host)
  for (const { file, line, column, path, message } of warnings) {
    err.line(`${err.style.yellow('warning')}  ${file}:${line}:${column}  ${message} ${err.style.dim(`at ${path}`)}`)
  }
  if (format === 'text') for (const config of configs) out.line(summary(config, out))
  if (diagnostics.length > 0 && configs.length > 0 && format === 'text') out.line()
  if (diagnostics.length > 0 || format === 'json') printDiagnostics(diagnostics, out, format)
  return diagnostics.length === 0 ? exitCodes.ok : exitCodes.config
}

function summary({ file, pipelines }: WorkerConfig, { style }: Screen): string {
  const what = pipelines.map(({ name, source, sink }) => `${name} (${source.plugin.name} -> ${sink.plugin.name})`)
  return `${style.green('ok')}  ${style.bold(file)}  ${what.join(', ')}`
}

/** The path itself where it is no folder: whether it is there is for the loader to say. */
function yamlFiles(path: string): string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path]
  return readdirSync(path, { withFileTypes: true })
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .flatMap((entry) => {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') return []
      const below = join(path, entry.name)
      if (entry.isDirectory()) return yamlFiles(below)
      return /\.ya?ml$/.test(entry.name) ? [below] : []
    })
}
