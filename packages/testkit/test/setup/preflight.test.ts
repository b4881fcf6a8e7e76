import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../../setup/preflight.mjs', import.meta.url))

describe('preflight', () => {
  let bin: string

  beforeEach(() => {
    bin = mkdtempSync(join(tmpdir(), 'connect-run-bin-'))
  })
  afterEach(() => rmSync(bin, { recursive: true, force: true }))

  /** Runs it where the PATH has the given programs and nothing else. */
  function preflight(programs: Readonly<Record<string, string>>): { status: number | null; said: string } {
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    }
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { env: { PATH: bin }, encoding: 'utf8' })
    return { status, said: stdout + stderr }
  }

  it('names all that is missing, why it is needed, and the command that installs it', () => {
    const { status, said } = preflight({ dnf: '', make: '' })
    expect(status).toBe(3)
    expect(said).toContain('g++: the Kafka client is compiled')
    expect(said).toContain('python3: node-gyp')
    expect(said).not.toContain('make:')
    expect(said).toMatch(/run: (sudo )?dnf install -y gcc-c\+\+ python3\n/)
  })

  it('only warns of libraries that the Kafka client can be built without', () => {
    const { status, said } = preflight({ brew: '', 'g++': 'echo have1 have2 have4', make: '', python3: '' })
    expect(status).toBe(0)
    expect(said).toContain('! without libzstd-dev topics compressed with zstd cannot be read')
    expect(said).toContain('! without libsasl2-dev no Kerberos (GSSAPI)')
    expect(said).not.toContain('libssl-dev')
    expect(said).toContain('run: brew install zstd')
  })
})
