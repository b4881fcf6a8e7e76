import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeStateStore } from '@connect-run/testkit/conformance'
import { createFileStateStore } from '../../src/state/file.ts'
import { createMemoryStateStore } from '../../src/state/memory.ts'

describeStateStore('the file store', {
  create: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'connect-run-state-'))
    return {
      open: () => createFileStateStore(folder),
      close: async () => rmSync(folder, { recursive: true, force: true }),
    }
  },
})

describeStateStore('the memory store', {
  create: async () => {
    const store = createMemoryStateStore()
    return { open: () => store, close: () => store.close() }
  },
})
