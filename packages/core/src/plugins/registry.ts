import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

import type { ConnectorPlugin } from '../api/connector.ts'
import { ConnectError } from '../api/errors.ts'
import { pluginFlaws } from './plugin-flaws.ts'
import type { ConnectorManifest, ScanResult } from './scan.ts'

/** The connectors at hand. */
export interface ConnectorRegistry {
  /** Sorted. */
  readonly names: readonly string[]
  /**
   * Loads the connector's code, once. Undefined where none has this name. Rejects with `PLUGIN_INVALID`, which says
   * what the package lacks.
   */
  load(name: string): Promise<ConnectorPlugin | undefined>
}

export type ImportModule = (path: string) => Promise<unknown>

const importFile: ImportModule = (path) => import(pathToFileURL(path).href)

/** A registry of what a scan found. */
export function createRegistry(scan: ScanResult, importModule: ImportModule = importFile): ConnectorRegistry {
  const manifests = new Map(scan.manifests.map((manifest) => [manifest.name, manifest]))
  const loaded = new Map<string, Promise<ConnectorPlugin>>()
  return {
    names: [...manifests.keys()],
    load: async (name) => {
      const manifest = manifests.get(name)
      if (manifest === undefined) return brokenOrUnknown(scan, name)
      if (!loaded.has(name)) loaded.set(name, loadPlugin(manifest, importModule))
      return loaded.get(name)
    },
  }
}

/** A registry of plugins that are loaded already. */
export function registryOf(plugins: readonly ConnectorPlugin[]): ConnectorRegistry {
  const byName = new Map(plugins.map((plugin) => [plugin.name, plugin]))
  return { names: [...byName.keys()].toSorted(), load: async (name) => byName.get(name) }
}

function brokenOrUnknown(scan: ScanResult, name: string): undefined {
  const problem = scan.problems.find((candidate) => candidate.name === name)
  if (problem !== undefined) throw new ConnectError('PLUGIN_INVALID', problem.message, { hint: problem.hint })
}

async function loadPlugin(manifest: ConnectorManifest, importModule: ImportModule): Promise<ConnectorPlugin> {
  const { name, entry } = manifest
  if (!existsSync(entry)) {
    const hint = manifest.origin === 'workspace' ? 'Build it: npm run build' : 'Build it, or install it again.'
    throw new ConnectError('PLUGIN_INVALID', `connector ${name}: ${entry} is missing`, { hint })
  }
  const module = await importModule(entry).catch((error: unknown) => {
    const { reason, hint } = whyNot(error, entry)
    throw new ConnectError('PLUGIN_INVALID', `connector ${name} cannot be loaded: ${reason}`, { hint, cause: error })
  })
  const plugin = (module as { default?: unknown }).default
  const flaws = pluginFlaws(plugin, name)
  if (flaws.length === 0) return plugin as ConnectorPlugin
  const hint = 'See ConnectorPlugin in @connect-run/core.'
  throw new ConnectError('PLUGIN_INVALID', `connector ${name} (${entry}): ${flaws.join('; ')}`, { hint })
}

/** Why a module cannot be loaded; where its code is wrong, also in which line. */
function whyNot(error: unknown, entry: string): { reason: string; hint: string } {
  const { name, message, stack } = (error ?? {}) as Partial<Error>
  const reason = String(message ?? error)
  if (name !== 'SyntaxError' && name !== 'ReferenceError') {
    return { reason, hint: 'Its packages may not be installed, or were built for another Node.' }
  }
  // Of a module that cannot be parsed Node tells the line only to the terminal.
  const place = /file:\/\/[^\s()]+?:\d+(?::\d+)?/.exec(stack ?? '')?.[0].replace('file://', '')
  const hint = place === undefined ? `\`node ${entry}\` shows the line.` : 'Correct the code there.'
  return { reason: `${name}: ${reason}, at ${place ?? entry}`, hint }
}
