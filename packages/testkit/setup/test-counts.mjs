import { existsSync, readFileSync } from 'node:fs'

/**
 * The share of a tier's files, and the number however few there are, that are tried again by themselves. More are not
 * bad luck, and would take too long one by one.
 */
const SHARE_AGAIN = 1 / 5
const ALWAYS_AGAIN = 3

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

/** Files with failures, and the titles of what failed in them. */
export function failedFiles(file) {
  if (!existsSync(file)) return []
  const failed = summaryOf(file).testResults.filter(({ status }) => status === 'failed')
  return failed.map(({ name, assertionResults }) => ({ name, titles: titlesOf(assertionResults, 'failed') }))
}

/** Those of them that are worth a second try: none where they are many. */
export function filesAgain(file) {
  const failed = failedFiles(file)
  if (failed.length <= ALWAYS_AGAIN) return failed
  return failed.length <= SHARE_AGAIN * summaryOf(file).testResults.length ? failed : []
}

/** Those that failed in the first run and in the second did not; `second` is its result file. */
export function recoveredFiles(failed, second) {
  if (!existsSync(second)) return []
  const passed = summaryOf(second).testResults.filter(({ status }) => status === 'passed')
  return failed.filter((each) => passed.some(({ name }) => name === each.name))
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
