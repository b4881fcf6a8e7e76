import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from '@jest/globals'

/** A folder of its own for each test of the file, removed afterwards. */
export function temporaryFolder(name: string): () => string {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), `connect-run-${name}-`))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  return () => folder
}
