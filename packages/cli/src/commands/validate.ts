import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { ConnectError } from '@connect-run/core'
import { type Diagnostic, type LoadedConfig, looksLikeConfig, type WorkerConfig } from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Host } from '../host.ts'
import { type DiagnosticFormat, forProgram } from '../output/diagnostics.ts'
import { probeLine, probeRecord } from '../output/probe-line.ts'
import { Screen } from '../output/screen.ts'
import { loadConfigs, printDiagnostics } from './load-configs.ts'
import { probeEnds, type ProbeResult } from './probe-ends.ts'

export interface ValidateOptions {
  readonly format: DiagnosticFormat
  /** Whether servers are asked, once the files are right. */
  readonly probe: boolean
}

/** How long an end may take to answer, in milliseconds. */
const PROBE_LIMIT_MS = 10_000

/** Checks files, and all YAML below folders, without starting anything. */
export async function validate(
  paths: readonly string[],
  { format, probe }: ValidateOptions,
  host: Host,
): Promise<ExitCode> {
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
  const { configs, files: loaded, diagnostics, warnings } = await loadConfigs(files, host.env, host)
  for (const { file, line, column, path, message } of warnings) {
    err.line(`${err.style.yellow('warning')}  ${file}:${line}:${column}  ${message} ${err.style.dim(`at ${path}`)}`)
  }
  if (format === 'text') for (const config of configs) out.line(summary(config, out))
  if ((diagnostics.length > 0 || probe) && configs.length > 0 && format === 'text') out.line()
  if (probe && diagnostics.length === 0) return probeAll(loaded, format, host)
  if (probe && format === 'json') out.write(forPrograms(diagnostics, []))
  else if (diagnostics.length > 0 || format === 'json') printDiagnostics(diagnostics, out, format)
  return diagnostics.length === 0 ? exitCodes.ok : exitCodes.config
}

async function probeAll(files: readonly LoadedConfig[], format: DiagnosticFormat, host: Host): Promise<ExitCode> {
  const out = new Screen(host.stdout, host.env)
  const stopped = new AbortController()
  const stop = (): void => stopped.abort(new ConnectError('STOPPED', 'stopped before it had answered'))
  const unhook = host.onSignal(stop)
  const results: ProbeResult[] = []
  try {
    for (const probed of probeEnds(files, { limitMs: PROBE_LIMIT_MS, signal: stopped.signal, host })) {
      const result = await probed
      results.push(result)
      if (result.outcome !== 'failed' && format !== 'json') out.line(probeLine(result, out.style))
    }
  } finally {
    unhook()
  }
  const found = results.flatMap(({ outcome, place }) => (outcome === 'failed' ? [place] : []))
  if (format === 'json') out.write(forPrograms(found, results))
  else if (found.length > 0) {
    if (format === 'text' && found.length < results.length) out.line()
    printDiagnostics(found, out, format)
  }
  return found.length === 0 ? exitCodes.ok : exitCodes.runtime
}

function forPrograms(diagnostics: readonly Diagnostic[], results: readonly ProbeResult[]): string {
  return `${JSON.stringify({ diagnostics: forProgram(diagnostics), ends: results.map(probeRecord) }, null, 2)}\n`
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
