import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countsAgain, countsOf, failedFiles, filesAgain, recoveredFiles } from '../../setup/test-counts.mjs'

describe('the counts of a test run', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'connect-run-counts-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function counts(summary: object | undefined, code: number): object {
    const file = join(folder, `${Math.random()}.json`)
    const nothing = {
      numPassedTests: 0,
      numFailedTests: 0,
      numRuntimeErrorTestSuites: 0,
      numPendingTests: 0,
      numTodoTests: 0,
    }
    if (summary) writeFileSync(file, JSON.stringify({ ...nothing, ...summary }))
    return countsOf(file, code)
  }

  it('are those of jest', () => {
    const summary = { numPassedTests: 5, numFailedTests: 2, numPendingTests: 1, numTodoTests: 3 }
    expect(counts(summary, 1)).toEqual({ passed: 5, failed: 2, skipped: 4 })
  })

  it('take a suite that cannot run for a failure', () => {
    expect(counts({ numPassedTests: 5, numRuntimeErrorTestSuites: 2 }, 1)).toEqual({ passed: 5, failed: 2, skipped: 0 })
  })

  it('take a jest that fails or dies for a failure', () => {
    expect(counts({ numPassedTests: 5 }, 1)).toEqual({ passed: 5, failed: 1, skipped: 0 })
    expect(counts(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })

  describe('with files that are run again', () => {
    const result = (name: string, ...statuses: string[]): object => ({
      name,
      status: statuses.includes('failed') ? 'failed' : 'passed',
      assertionResults: statuses.map((status, i) => ({ status, fullName: `${name} ${i}` })),
    })

    function fileWith(...testResults: object[]): string {
      const file = join(folder, `${Math.random()}.json`)
      writeFileSync(file, JSON.stringify({ testResults }))
      return file
    }

    it('take the second results of these for their first', () => {
      const file = fileWith(result('a', 'passed', 'passed'), result('b', 'passed', 'failed', 'pending'))
      expect(failedFiles(file)).toEqual([{ name: 'b', titles: ['b 1'] }])
      const first = { passed: 3, failed: 1, skipped: 1 }
      expect(countsAgain(file, first, { passed: 2, failed: 0, skipped: 1 })).toEqual({
        passed: 4,
        failed: 0,
        skipped: 1,
      })
      expect(countsAgain(file, first, { passed: 1, failed: 1, skipped: 1 })).toEqual({
        passed: 3,
        failed: 1,
        skipped: 1,
      })
    })

    it.each([
      [3, 3, 3],
      [4, 19, 0],
      [4, 20, 4],
      [8, 40, 8],
      [9, 40, 0],
    ])('stand where many failed: of %i failed among %i, %i are run again', (failed, all, again) => {
      const files = Array.from({ length: all }, (_, i) => result(`f${i}`, i < failed ? 'failed' : 'passed'))
      expect(filesAgain(fileWith(...files))).toHaveLength(again)
    })

    it('name those that passed the second time', () => {
      const failed = failedFiles(fileWith(result('a', 'failed'), result('b', 'failed'), result('c', 'failed')))
      const second = fileWith(result('a', 'passed'), result('b', 'failed'))
      expect(recoveredFiles(failed, second)).toEqual([{ name: 'a', titles: ['a 0'] }])
      expect(recoveredFiles(failed, join(folder, 'none.json'))).toEqual([])
    })
  })
})
