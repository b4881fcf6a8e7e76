export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What a jest run came to, from its result file and its exit code. */
export function countsOf(file: string, code: number | null): TestCounts
