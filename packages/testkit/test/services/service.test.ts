import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

describe('service', () => {
  let bin: string

  beforeEach(() => {
    bin = mkdtempSync(join(tmpdir(), 'connect-run-bare-'))
    symlinkSync(process.execPath, join(bin, 'node'))
  })
  afterEach(() => rmSync(bin, { recursive: true, force: true }))

  /** Runs a suite that needs Kafka where the PATH has Node and nothing else. */
  function run(env: Readonly<Record<string, string>>): {
    passed: number
    failed: number
    skipped: number
    said: string
  } {
    const jest = fileURLToPath(new URL('../../setup/jest.mjs', import.meta.url))
    const file = join(bin, 'result.json')
    const args = [jest, 'unit', '--testMatch=**/needs-kafka.ts', '--json', `--outputFile=${file}`]
    const { stderr } = spawnSync(process.execPath, args, { env: { PATH: bin, HOME: bin, ...env }, encoding: 'utf8' })
    const summary = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>
    const { numPassedTests = -1, numFailedTests = -1, numPendingTests = -1 } = summary
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests, said: stderr }
  }

  it('takes the address from the environment', () => {
    expect(run({ CONNECT_RUN_TEST_KAFKA: '127.0.0.1:1' })).toMatchObject({ passed: 1, failed: 0, skipped: 0 })
  })

  it('skips the tests of a missing service and says why', () => {
    const result = run({})
    expect(result).toMatchObject({ passed: 0, failed: 0, skipped: 1 })
    expect(result.said).toMatch(/SKIPPED for want of kafka: no Java to run Kafka: .*default-jdk-headless/)
  })

  it('fails for a missing service in CI', () => {
    const result = run({ CI: 'true' })
    expect(result).toMatchObject({ passed: 0, failed: 1, skipped: 1 })
    expect(result.said).toContain('no Java to run Kafka')
  })
})
