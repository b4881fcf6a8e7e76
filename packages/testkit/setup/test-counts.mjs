import { existsSync, readFileSync } from 'node:fs'

/** So many files that failed beside others are tried again by themselves: more are not bad luck. */
const MOST_AGAIN = 3

/** A suite that could not run counts as one failure, and so does a jest that fails without saying which test did. */
export function countsOf(file, code) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 }
  const summary = summaryOf(file)
  const failed = summary.numFailedTests + summary.numRuntimeErrorTestSuites
  return {
    passed: summary.numPassedTests,
    failed: code === 0 ? failed : Math.max(1, failed),
    skipped: summary.numPendingTests + summary.numTodoTests,
  }
}

/** Files with failures that are worth a second try, and the titles of what failed in them; none where there are many. */
export function failedFiles(file) {
  if (!existsSync(file)) return []
  const failed = summaryOf(file).testResults.filter(({ status }) => status === 'failed')
  if (failed.length > MOST_AGAIN) return []
  return failed.map(({ name, assertionResults }) => ({ name, titles: titlesOf(assertionResults, 'failed') }))
}

/** The counts of a run in which these files were run again: their second results stand for their first. */
export function countsAgain(file, first, again) {
  const counts = { ...first, failed: again.failed }
  for (const { assertionResults, status } of summaryOf(file).testResults) {
    if (status !== 'failed') continue
    counts.passed -= titlesOf(assertionResults, 'passed').length
    counts.skipped -= titlesOf(assertionResults, 'pending', 'todo').length
  }
  return { ...counts, passed: counts.passed + again.passed, skipped: counts.skipped + again.skipped }
}

function titlesOf(assertions, ...statuses) {
  return assertions.filter(({ status }) => statuses.includes(status)).map(({ fullName }) => fullName)
}

function summaryOf(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}
