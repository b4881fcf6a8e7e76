import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { ensureSystemPackages, findProgram, installCommand } from '@connect-run/testkit/services'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

describe('system packages', () => {
  const path = process.env['PATH']
  let bin: string

  beforeEach(() => {
    bin = mkdtempSync(join(tmpdir(), 'connect-run-bin-'))
    process.env['PATH'] = bin
  })
  afterEach(() => {
    process.env['PATH'] = path
    rmSync(bin, { recursive: true, force: true })
  })

  function program(name: string, mode: number = 0o755): void {
    writeFileSync(join(bin, name), '#!/bin/sh\n')
    chmodSync(join(bin, name), mode)
  }

  it('are found on the PATH if they can be run', () => {
    program('here')
    expect(findProgram('here')).toBe(join(bin, 'here'))
    expect(findProgram('elsewhere')).toBeUndefined()
  })

  it.each([
    ['apt-get', /apt-get update && .*apt-get install .* g\+\+ libzstd-dev$/],
    ['dnf', /dnf install -y gcc-c\+\+ libzstd-devel$/],
    ['apk', /apk add g\+\+ zstd-dev$/],
    ['brew', /^brew install zstd$/],
  ])('are installed by a command for %s', (tool, command) => {
    program(tool)
    expect(installCommand(['g++', 'libzstd-dev'])).toMatch(command)
  })

  it('are asked of a person where there is no known package manager', async () => {
    expect(installCommand(['maven'])).toContain('maven')
    expect(await ensureSystemPackages(['maven'], () => {})).toContain('missing maven; run: ')
  })
})
