import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A connector package as its package.json describes it; none of its code was loaded. */
export interface ConnectorManifest {
  /** As written after `connector:`. */
  readonly name: string
  readonly description: string
  readonly version: string
  readonly package: string
  readonly folder: string
  /** Absolute path of the module that exports the plugin. */
  readonly entry: string
  readonly origin: 'config' | 'workspace' | 'dependency'
}

/** A package that should be a connector and is not, without harm to the others. */
export interface ScanProblem {
  /** The connector's name as far as it is known. */
  readonly name: string
  /** Index in the config's `plugins:` where it came from there. */
  readonly request: number | undefined
  readonly message: string
  readonly hint: string
}

export interface ScanResult {
  readonly manifests: readonly ConnectorManifest[]
  readonly problems: readonly ScanProblem[]
}

export interface ScanOptions {
  /** Folder of the config file, or the current one where there is no config. */
  readonly folder: string
  /** The config's `plugins:`. */
  readonly plugins: readonly string[]
  /** Folder of the running package; its workspace is searched too. */
  readonly packageFolder?: string
}

type Found = ConnectorManifest | ScanProblem

const ownFolder = dirname(fileURLToPath(import.meta.url))

/**
 * Finds connectors by their manifests: what the config names, then the workspaces around the config and the running
 * package, then the dependencies of the package.json nearest to the config. Of one name, the first one found stays.
 */
export function scanConnectors({ folder, plugins, packageFolder = ownFolder }: ScanOptions): ScanResult {
  const workspaces = new Set([folder, packageFolder].map((from) => upTo(from, isWorkspace)))
  const found = [
    ...plugins.map((plugin, index) => fromRequest(plugin, index, folder)),
    ...[...workspaces].flatMap((root) => (root === undefined ? [] : fromWorkspace(root))),
    ...fromDependencies(folder),
  ]
  const manifests = new Map<string, ConnectorManifest>()
  const problems: ScanProblem[] = []
  for (const item of found) {
    if (!('entry' in item)) problems.push(item)
    else if (!manifests.has(item.name)) manifests.set(item.name, item)
    else if (manifests.get(item.name)!.folder !== item.folder) problems.push(hidden(item, manifests.get(item.name)!))
  }
  return { manifests: [...manifests.values()].toSorted((a, b) => a.name.localeCompare(b.name)), problems }
}

function fromRequest(plugin: string, request: number, folder: string): Found {
  const isPath = plugin.startsWith('.') || plugin.startsWith('/')
  const place = isPath ? resolve(folder, plugin) : installed(plugin, folder)
  const name = defaultName(basename(plugin).replace(/\.[cm]?[jt]s$/, ''))
  if (place === undefined || !existsSync(place)) {
    const hint = isPath ? 'The path is relative to the config file.' : `Install it: npm install ${plugin}`
    return { name, request, message: `the plugin ${plugin} is not there`, hint }
  }
  if (!statSync(place).isDirectory()) {
    const nothing = { description: '', version: '', package: '', folder: dirname(place) }
    return { ...nothing, name, entry: place, origin: 'config' }
  }
  const found = fromPackage(place, 'config')
  if (found !== undefined) return 'entry' in found ? found : { ...found, request }
  return { name, request, message: `${plugin} is not a connector`, hint: manifestHint }
}

function fromWorkspace(root: string): Found[] {
  return readdirSync(join(root, 'connectors'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, 'connectors', entry.name, 'package.json')))
    .map((entry) => fromPackage(join(root, 'connectors', entry.name), 'workspace'))
    .filter((found) => found !== undefined)
}

function fromDependencies(folder: string): Found[] {
  const nearest = upTo(folder, (at) => existsSync(join(at, 'package.json')))
  if (nearest === undefined) return []
  const manifest = readManifest(nearest)
  if (typeof manifest === 'string') return []
  const names = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
    Object.keys((manifest[kind] as object | undefined) ?? {}),
  )
  return names
    .map((name) => installed(name, nearest))
    .map((place) => (place === undefined ? undefined : fromPackage(place, 'dependency')))
    .filter((found) => found !== undefined)
}

/** Undefined where the package does not claim to be a connector. */
function fromPackage(place: string, origin: ConnectorManifest['origin']): Found | undefined {
  const folder = realpathSync(place)
  const manifest = readManifest(folder)
  const problem = { name: defaultName(basename(folder)), request: undefined }
  if (typeof manifest === 'string') {
    return { ...problem, message: `${join(folder, 'package.json')}: ${manifest}`, hint: 'Correct the file.' }
  }
  const claim = manifest['connect-run'] as { plugin?: unknown; name?: unknown } | undefined
  if (claim === undefined) return undefined
  const packageName = text(manifest['name']) ?? basename(folder)
  if (typeof claim !== 'object' || claim === null || typeof claim.plugin !== 'string') {
    return { ...problem, message: `${packageName}: "connect-run" in package.json names no plugin`, hint: manifestHint }
  }
  return {
    name: text(claim.name) ?? defaultName(packageName),
    description: text(manifest['description']) ?? '',
    version: text(manifest['version']) ?? '',
    package: packageName,
    folder,
    entry: resolve(folder, claim.plugin),
    origin,
  }
}

const manifestHint = 'Its package.json needs "connect-run": {"plugin": "./dist/plugin.js"}.'

/** The package.json as an object, or what is wrong with it. */
function readManifest(folder: string): Record<string, unknown> | string {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return typeof manifest === 'object' && manifest !== null ? (manifest as Record<string, unknown>) : 'not an object'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === undefined ? 'not valid JSON' : 'cannot be read'
  }
}

/** Where Node would find a package from here, whether or not its `exports` show its package.json. */
function installed(name: string, from: string): string | undefined {
  const holder = upTo(from, (at) => existsSync(join(at, 'node_modules', name, 'package.json')))
  return holder === undefined ? undefined : join(holder, 'node_modules', name)
}

function isWorkspace(folder: string): boolean {
  return existsSync(join(folder, 'pnpm-workspace.yaml')) && existsSync(join(folder, 'connectors'))
}

/** This folder or the nearest one above that fits. */
function upTo(from: string, fits: (folder: string) => boolean): string | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (fits(folder)) return folder
    if (dirname(folder) === folder) return undefined
  }
}

/** `@scope/connector-kafka` is `kafka`. */
function defaultName(packageName: string): string {
  return packageName.replace(/^@[^/]*\//, '').replace(/^connector-/, '')
}

function hidden(item: ConnectorManifest, by: ConnectorManifest): ScanProblem {
  const message = `${item.folder} is also named ${item.name} and is hidden by ${by.folder}`
  return { name: item.name, request: undefined, message, hint: 'Give one of them another name in its package.json.' }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
