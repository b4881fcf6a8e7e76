import type { ConnectorPlugin } from '@connect-run/core'
import {
  builtins,
  type ConnectorManifest,
  type ConnectorRegistry,
  createRegistry,
  didYouMean,
  editorSchema,
  listOf,
  scanConnectors,
} from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Host } from '../host.ts'
import { formatOptions, optionRows } from '../output/options-table.ts'
import { Screen } from '../output/screen.ts'
import { table } from '../output/table.ts'

export interface ConnectorsOptions {
  readonly format: 'text' | 'json'
  /** Also the options that are rarely needed. */
  readonly all: boolean
  /** Print the JSON Schema for editors instead. */
  readonly schema: boolean
}

/** A connector as found; one that is broken keeps its place in the list. */
interface Entry {
  readonly name: string
  readonly manifest: ConnectorManifest | undefined
  readonly plugin: ConnectorPlugin | undefined
  readonly problem: string | undefined
}

/** … with what its plugin says of the installation. */
interface NotedEntry extends Entry {
  readonly notes: readonly string[]
}

/** Lists the connectors at hand, or documents one. */
export async function connectors(name: string | undefined, options: ConnectorsOptions, host: Host): Promise<ExitCode> {
  const out = new Screen(host.stdout, host.env)
  const entries = await findAll(host.cwd)
  if (options.schema) {
    const plugins = entries.flatMap(({ plugin }) => (plugin === undefined ? [] : [plugin]))
    out.line(JSON.stringify(editorSchema(plugins, builtins), null, 2))
    return exitCodes.ok
  }
  const chosen = name === undefined ? entries : entries.filter((entry) => entry.name === name)
  if (name !== undefined && chosen.length === 0) {
    const names = entries.map((entry) => entry.name)
    const installed = `Installed: ${listOf(names)}.`
    const hint = didYouMean(name, names, '')
    const all = [`No connector is named "${name}".`, hint, installed].filter((text) => text !== '')
    new Screen(host.stderr, host.env).line(all.join(' '))
    return exitCodes.config
  }
  if (name === undefined) list(entries, options, out)
  else show(await Promise.all(chosen.map(withNotes)), options, out)
  const isBroken = name !== undefined && chosen.some(({ problem }) => problem !== undefined)
  return isBroken ? exitCodes.config : exitCodes.ok
}

async function findAll(cwd: string): Promise<Entry[]> {
  const scan = scanConnectors({ folder: cwd, plugins: [] })
  const registry = createRegistry(scan)
  const entries = await Promise.all(scan.manifests.map((manifest) => load(registry, manifest)))
  const broken = scan.problems.map(({ name, message }) => ({
    name,
    manifest: undefined,
    plugin: undefined,
    problem: message,
  }))
  return [...entries, ...broken].toSorted((a, b) => a.name.localeCompare(b.name))
}

async function load(registry: ConnectorRegistry, manifest: ConnectorManifest): Promise<Entry> {
  const entry = { name: manifest.name, manifest, plugin: undefined, problem: undefined }
  try {
    return { ...entry, plugin: await registry.load(manifest.name) }
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string }
    return { ...entry, problem: hint === undefined ? message : `${message}. ${hint}` }
  }
}

async function withNotes(entry: Entry): Promise<NotedEntry> {
  try {
    return { ...entry, notes: (await entry.plugin?.notes?.()) ?? [] }
  } catch (error) {
    return { ...entry, notes: [], problem: (error as Error).message }
  }
}

function show(entries: readonly NotedEntry[], { format, all }: ConnectorsOptions, out: Screen): void {
  if (format === 'json') out.line(JSON.stringify(entries.map(forProgram), null, 2))
  else for (const entry of entries) describe(entry, all, out)
}

function list(entries: readonly Entry[], { format }: ConnectorsOptions, out: Screen): void {
  if (format === 'json') return out.line(JSON.stringify(entries.map(forProgram), null, 2))
  const rows = entries.map(({ name, plugin, manifest, problem }) => [
    name,
    plugin === undefined ? 'broken' : sidesOf(plugin).join(' and '),
    manifest?.version ?? '',
    problem ?? plugin?.description ?? '',
  ])
  const columns = [{ title: 'connector' }, { title: 'as' }, { title: 'version' }, { title: 'description' }]
  for (const line of table(columns, rows, out.style)) out.line(line)
  out.line(`\nOptions of one: connect-run connectors ${entries[0]?.name ?? 'NAME'}`)
}

function describe({ name, plugin, manifest, problem, notes }: NotedEntry, all: boolean, out: Screen): void {
  const { style } = out
  out.line(`${style.bold(name)} ${manifest?.version ?? ''}  ${plugin?.description ?? ''}`.trimEnd())
  if (manifest !== undefined) out.line(style.dim(`${manifest.package}, ${manifest.folder}`))
  if (problem !== undefined) out.line(style.red(problem))
  for (const note of notes) out.line(note)
  if (plugin === undefined) return
  for (const side of sidesOf(plugin)) {
    const part = plugin[side]!
    out.line(`\n${style.cyan(side)}  ${part.description}\n`)
    const rows = optionRows(part.config)
    const shown = rows.filter(({ advanced }) => all || !advanced)
    for (const line of formatOptions(shown, out.columns, style)) out.line(line)
    const hidden = rows.length - shown.length
    if (hidden > 0) out.line(style.dim(`\n    ${hidden} more that ${hidden === 1 ? 'is' : 'are'} rarely needed: --all`))
  }
}

function forProgram({ name, manifest, plugin, problem, notes }: Partial<NotedEntry>): object {
  const sides = plugin === undefined ? [] : sidesOf(plugin)
  return {
    name,
    package: manifest?.package,
    version: manifest?.version,
    folder: manifest?.folder,
    description: plugin?.description,
    problem,
    notes,
    ...Object.fromEntries(
      sides.map((side) => [
        side,
        { description: plugin![side]!.description, options: optionRows(plugin![side]!.config) },
      ]),
    ),
  }
}

function sidesOf(plugin: ConnectorPlugin): ('source' | 'sink')[] {
  return (['source', 'sink'] as const).filter((side) => plugin[side] !== undefined)
}
