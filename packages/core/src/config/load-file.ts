import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

import { builtins, type Builtins } from '../plugins/builtins.ts'
import { type ConnectorRegistry, createRegistry } from '../plugins/registry.ts'
import { scanConnectors, type ScanProblem } from '../plugins/scan.ts'
import { type Diagnostic, diagnose, inOrder } from './diagnostic.ts'
import { type FileConfig, fileSchema } from './file-schema.ts'
import { checkParking } from './check-parking.ts'
import { type Issue, pathKey } from './issue.ts'
import { type ConfigWarning, literalSecrets } from './literal-secrets.ts'
import type { WorkerConfig } from './pipeline-config.ts'
import { secretCovers, secretValues, withoutValues } from './redact.ts'
import { checked, type ResolveContext } from './resolve-context.ts'
import { resolvePipelines } from './resolve-pipeline.ts'
import { unquote } from './schema-issues.ts'
import { stateConfig, statePlace } from './state-config.ts'
import { type Substituted, substitute } from './substitute.ts'
import { listOf } from './suggest.ts'
import { isObject } from './validate.ts'
import { parseYaml, type YamlSource } from './yaml-source.ts'

/** A config that can run, or everything that is wrong with it. */
export type LoadResult =
  | (LoadedConfig & { readonly diagnostics?: never })
  | { readonly config?: never; readonly diagnostics: readonly Diagnostic[] }

export interface LoadedConfig {
  readonly config: WorkerConfig
  readonly warnings: readonly ConfigWarning[]
  /** Shows in the file what only comes to light later. Values of secret options are left out of its texts. */
  readonly diagnose: (issue: Issue) => Diagnostic
}

export interface FoundConnectors {
  readonly registry: ConnectorRegistry
  readonly problems: readonly ScanProblem[]
}

export interface LoadOptions {
  /** What `${VAR}` is taken from. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Default: discovery by manifests. */
  readonly findConnectors?: (from: { folder: string; plugins: readonly string[] }) => FoundConnectors
  readonly builtins?: Builtins
  /** The config itself and `${file:…}`, by absolute path. Default: from disk, as UTF-8. */
  readonly readFile?: (path: string) => string
}

/**
 * Reads, substitutes, checks and resolves a config file. Starts nothing. Rejects only where something is broken that
 * is not the config.
 */
export async function loadWorkerConfig(file: string, options: LoadOptions): Promise<LoadResult> {
  const readFile = options.readFile ?? readUtf8
  const text = readText(file, readFile)
  if (typeof text !== 'string') return { diagnostics: [text] }
  const source = parseYaml(text)
  if (source.problems.length > 0) return { diagnostics: syntaxDiagnostics(file, source) }
  const folder = dirname(resolve(file))
  const read = (path: string): string => readFile(resolve(folder, path))
  const values = substitute(source, { env: options.env, readFile: read })
  return resolveFile({ file, folder, source, values, options })
}

function readUtf8(path: string): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
}

interface Loading {
  readonly file: string
  readonly folder: string
  readonly source: YamlSource
  readonly values: Substituted
  readonly options: LoadOptions
}

async function resolveFile(loading: Loading): Promise<LoadResult> {
  const { file, folder, source, values } = loading
  const raw = values.value
  const found = (loading.options.findConnectors ?? discover)({ folder, plugins: pluginsOf(raw) })
  const { place, issues: placeIssues } = statePlace(raw, folder)
  const context = contextOf(loading, found.registry, place?.kind === 'file' ? place.folder : undefined)
  context.issues.push(...placeIssues)
  for (const { request, message, hint } of found.problems) {
    if (request === undefined) continue
    context.issues.push({ path: ['plugins', request], code: 'PLUGIN_INVALID', message, hint })
  }
  const checkedFile = checked(context, fileSchema, raw, [])
  const pipelines = await resolvePipelines(context, raw, checkedFile)
  const state = place && checkedFile && stateConfig({ place, folder }, checkedFile.state, context.issues)
  if (state !== undefined) checkParking(pipelines, state, context.issues)
  const issues = context.issues.filter((issue) => !values.hasHole(issue.path) || isAbove(issue, source))
  const from = { file, source, covers: secretCovers(source, context.secretPaths) }
  if (checkedFile !== undefined && state !== undefined && issues.length === 0 && values.issues.length === 0) {
    const config = assemble(loading, checkedFile, { pipelines, state })
    const warnings = literalSecrets(loading, context.secretPaths)
    return { config, warnings, diagnose: (issue) => diagnose(from, withoutSecrets(issue, raw, context)) }
  }
  const diagnostics = [
    ...values.issues.map((issue) => diagnose(from, issue, issue.span)),
    ...issues.map((issue) => diagnose(from, withOrigin(issue, values))),
  ]
  return { diagnostics: inOrder(diagnostics) }
}

/** Addresses stay as they are: whoever looks for a server must read which one was asked. */
function withoutSecrets(issue: Issue, raw: unknown, { secretPaths }: ResolveContext): Issue {
  const secrets = secretValues(raw, secretPaths)
  const clean = (text: string): string => withoutValues(text, [], secrets)
  const { message, hint } = issue
  return { ...issue, message: clean(message), ...(hint === undefined ? {} : { hint: clean(hint) }) }
}

/** Says where a value comes from that does not stand in the file. */
function withOrigin(issue: Issue, values: Substituted): Issue {
  const references = values.references(issue.path)
  if (references.length === 0 || issue.at === 'key') return issue
  const hints = [issue.hint === unquote ? undefined : issue.hint, `Its value comes from ${listOf(references)}.`]
  return { ...issue, hint: hints.filter((hint) => hint !== undefined).join(' ') }
}

/** An issue about a whole section stands although a variable inside is missing; one about that value does not. */
function isAbove(issue: Issue, source: YamlSource): boolean {
  return source.entries.get(pathKey(issue.path))?.scalar !== true
}

function contextOf(loading: Loading, connectors: ConnectorRegistry, stateFolder: string | undefined): ResolveContext {
  const { folder, values, options } = loading
  const raw = values.value
  const secretPaths = new Set<string>()
  return {
    worker: isObject(raw) && typeof raw['name'] === 'string' ? raw['name'] : '',
    folder,
    stateFolder,
    connectors,
    ...(options.builtins ?? builtins),
    isText: values.isText,
    hasHole: values.hasHole,
    redact: (message) => withoutValues(message, values.used, secretValues(raw, secretPaths)),
    issues: [],
    secretPaths,
  }
}

function assemble(
  { file, folder }: Loading,
  { name, shutdown, embedded }: FileConfig,
  resolved: Pick<WorkerConfig, 'pipelines' | 'state'>,
): WorkerConfig {
  const files = embedded?.files.map((path) => resolve(folder, path)) ?? []
  return {
    name,
    file,
    ...resolved,
    shutdownTimeoutMs: shutdown.timeout,
    embedded: embedded === undefined ? undefined : { files, query: embedded.query },
  }
}

function discover(from: { folder: string; plugins: readonly string[] }): FoundConnectors {
  const scan = scanConnectors(from)
  return { registry: createRegistry(scan), problems: scan.problems }
}

function pluginsOf(raw: unknown): string[] {
  const plugins = isObject(raw) ? raw['plugins'] : undefined
  return Array.isArray(plugins) ? plugins.filter((plugin) => typeof plugin === 'string' && plugin !== '') : []
}

function readText(file: string, readFile: (path: string) => string): string | Diagnostic {
  try {
    return readFile(resolve(file))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    const message = unreadable[code] ?? `cannot be read (${code || String(error)})`
    const hint = unreadableHints[code]
    return { file, line: 1, column: 1, code: 'CONFIG_UNREADABLE', path: '', message, hint }
  }
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'is a folder, not a file',
  EACCES: 'may not be read by this user',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8',
}

const unreadableHints: Readonly<Record<string, string>> = {
  ENOENT: 'Check the path; it is relative to the current folder.',
  EISDIR: 'Name the config file in it.',
  EACCES: 'Let this user read it and pass through the folders above it, or start as a user who may.',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'Save it as UTF-8, the encoding of YAML.',
}

function syntaxDiagnostics(file: string, source: YamlSource): Diagnostic[] {
  const from = { file, source, covers: secretCovers(source, new Set()) }
  return inOrder(
    source.problems.map(({ message, hint, span }) =>
      diagnose(from, { path: [], message, hint, code: 'CONFIG_SYNTAX' }, span),
    ),
  )
}
