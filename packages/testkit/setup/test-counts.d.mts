export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What a jest run came to, from its result file and its exit code. */
export function countsOf(file: string, code: number | null): TestCounts

export interface FailedFile {
  readonly name: string
  readonly titles: readonly string[]
}

/** Files with failures, and the titles of what failed in them. */
export function failedFiles(file: string): FailedFile[]

/** Those of them that are worth a second try: none where they are many. */
export function filesAgain(file: string): FailedFile[]

/** Those that failed in the first run and in the second did not; `second` is its result file. */
export function recoveredFiles(failed: readonly FailedFile[], second: string): FailedFile[]

/** The counts of a run in which the files that failed were run again. */
export function countsAgain(file: string, first: TestCounts, again: TestCounts): TestCounts
