import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConnectError } from '../api/errors.ts'
import { createFileStateStore } from './file.ts'
import { createMemoryStateStore } from './memory.ts'
import type { StateStore } from './state-store.ts'

/** The store of a URL: `file:<folder>` (relative to the working directory, or `file:///…`), or `memory:`. */
export function openStateStore(url: string): StateStore {
  if (url === 'memory:') return createMemoryStateStore()
  if (url.startsWith('file://')) return createFileStateStore(fileURLToPath(url))
  const folder = url.startsWith('file:') ? url.slice('file:'.length) : ''
  if (folder !== '') return createFileStateStore(resolve(folder))
  throw new ConnectError('CONFIG_INVALID', `there is no state store for ${JSON.stringify(url.split(':')[0])}`, {
    hint: 'write `file:<folder>` or `memory:`',
  })
}
