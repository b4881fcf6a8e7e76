import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { titlePattern } from './guard.ts'

/** A test that takes longer hangs: that is noticed, too. */
const LIMIT_MS = 120_000

export interface TestRequest {
  readonly root: string
  readonly tier: string
  readonly files: readonly string[]
  readonly titles: readonly string[]
}

export interface TestOutcome {
  readonly file: string
  readonly title: string
  readonly status: 'passed' | 'failed' | 'pending'
  /** Why it failed. */
  readonly message: string
}

export interface TestRun {
  /** Of the tests that ran, and of those that were skipped. */
  readonly outcomes: readonly TestOutcome[]
  /** It was ended, as it did not end by itself. */
  readonly hung: boolean
  /** Why files could not be loaded. */
  readonly problems: string
}

/** Runs tests of a workspace, only those with these titles. */
export async function runTests({ root, tier, files, titles }: TestRequest): Promise<TestRun> {
  const folder = await mkdtemp(join(tmpdir(), 'connect-run-guards-'))
  const result = join(folder, 'result.json')
  try {
    const args = ['--runTestsByPath', ...files, '-t', titlePattern(titles), '--json', `--outputFile=${result}`]
    // What a failing test leaves open must not keep the run alive.
    const { hung, output } = await run(root, [tier, '--forceExit', ...args])
    const text = await readFile(result, 'utf8').catch(() => undefined)
    return text === undefined ? { hung, outcomes: [], problems: output } : { hung, ...read(root, text) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What jest writes with `--json`. */
interface Results {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

function read(root: string, text: string): Pick<TestRun, 'outcomes' | 'problems'> {
  const { testResults } = JSON.parse(text) as Results
  const outcomes = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status, failureMessages }): TestOutcome => {
      const known = status === 'passed' || status === 'failed' ? status : 'pending'
      return { file: relative(root, name), title: fullName, status: known, message: failureMessages.join('\n') }
    }),
  )
  const unloaded = testResults.filter(({ assertionResults }) => assertionResults.length === 0)
  return { outcomes, problems: unloaded.map(({ message }) => message).join('\n') }
}

function run(root: string, args: readonly string[]): Promise<{ hung: boolean; output: string }> {
  const child = spawn(process.execPath, [join(root, 'packages/testkit/setup/jest.mjs'), ...args], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    // In a group of its own, so that all it has started can be ended.
    detached: true,
  })
  const printed: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => printed.push(chunk))
  return new Promise((resolve, reject) => {
    let hung = false
    const timer = setTimeout(() => {
      hung = true
      process.kill(-child.pid!, 'SIGKILL')
    }, LIMIT_MS)
    child.once('error', reject)
    child.once('close', () => {
      clearTimeout(timer)
      resolve({ hung, output: Buffer.concat(printed).toString() })
    })
  })
}
