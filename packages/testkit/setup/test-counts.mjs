import { existsSync, readFileSync } from 'node:fs'

/** A suite that could not run counts as one failure, and so does a jest that fails without saying which test did. */
export function countsOf(file, code) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 }
  const summary = JSON.parse(readFileSync(file, 'utf8'))
  const failed = summary.numFailedTests + summary.numRuntimeErrorTestSuites
  return {
    passed: summary.numPassedTests,
    failed: code === 0 ? failed : Math.max(1, failed),
    skipped: summary.numPendingTests + summary.numTodoTests,
  }
}
