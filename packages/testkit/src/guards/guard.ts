/** A piece of code that keeps a promise, and the test that must fail without it. */
export interface Guard {
  /** Heading of the section in `packages/core/docs/guarantees.md`. */
  readonly promise: string
  readonly file: string
  /** A piece of code that stands exactly once in the file. */
  readonly code: string
  /** What stands there instead. Empty: nothing. */
  readonly instead: string
  /** The test that says so. One of `.int` or `.e2e` runs where its servers are to be had. */
  readonly test: string
  /** As it is written in the test's file, with its placeholders. */
  readonly title: string
}

/** The text of the guard's file without the guard. Throws where its code does not stand there exactly once. */
export function without({ file, code, instead }: Pick<Guard, 'file' | 'code' | 'instead'>, text: string): string {
  const times = text.split(code).length - 1
  if (times !== 1)
    throw new Error(`${JSON.stringify(code)} stands ${times} times in ${file}, and must stand there once`)
  // As a function, so that no $ in it means anything.
  return text.replace(code, () => instead)
}

/** What jest takes to run the tests of these titles and no others. */
export function titlePattern(titles: readonly string[]): string {
  const patterns = titles.map((title) =>
    title.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/%[a-zA-Z]|\\\$\w+/g, '.*'),
  )
  return `(?:^| )(?:${patterns.join('|')})$`
}

/** unit, int or e2e. */
export function tierOf({ test }: Pick<Guard, 'test'>): string {
  return /\.(int|e2e)\.test\.ts$/.exec(test)?.[1] ?? 'unit'
}
