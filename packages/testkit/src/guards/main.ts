import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Finding, checkGuards } from './check-guards.ts'
import type { Guard } from './guard.ts'
import { runTests } from './run-tests.ts'
import { GUARDS } from './table.ts'
import { type WorkspaceCopy, copyWorkspace } from './workspace-copy.ts'

const MOST_COPIES = 3

/**
 * Takes each guard out of a copy of the workspace and sees whether its test notices. `words` choose guards: those that
 * have one of them in their promise, file, test or title. Returns the exit code: 1 where one is not caught.
 */
export async function runGuards(root: string, words: readonly string[]): Promise<number> {
  const guards = GUARDS.filter((guard) => isChosen(guard, words))
  const folder = await mkdtemp(join(tmpdir(), 'connect-run-guards-'))
  try {
    const lanes = Math.min(MOST_COPIES, Math.max(1, availableParallelism() - 1), guards.length)
    const copies: WorkspaceCopy[] = []
    for (let n = 1; n <= lanes; n++) copies.push(await copyWorkspace(root, join(folder, String(n))))
    say(`${guards.length} guards in ${lanes} copies of the workspace; first, their tests with all of them in place …`)
    const findings: Finding[] = []
    const found = (finding: Finding): void => {
      findings.push(finding)
      say(lineOf(finding, `${findings.length}/${guards.length}`))
    }
    await checkGuards(guards, { copies, run: runTests, found })
    return conclude(findings)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function isChosen(guard: Guard, words: readonly string[]): boolean {
  if (words.length === 0) return true
  const text = Object.values(guard).join('\n').toLowerCase()
  return words.some((word) => text.includes(word.toLowerCase()))
}

function lineOf({ guard, verdict, ms }: Finding, count: string): string {
  const { promise, file, code } = guard
  const seconds = `${(ms / 1000).toFixed(1)} s`
  return `${count.padStart(7)}  ${verdict.padEnd(8)}  ${seconds.padStart(7)}  ${promise}  ${file}: ${oneLine(code)}`
}

function conclude(findings: readonly Finding[]): number {
  const open = findings.filter(({ verdict }) => verdict === 'survived' || verdict === 'unfit')
  for (const { guard, verdict, reason } of open) {
    say(`\n${verdict}: ${guard.promise}\n  ${guard.file}\n    ${guard.code}\n  -> ${guard.instead || 'nothing'}`)
    say(`  ${guard.test}\n    ${guard.title}`)
    if (reason !== '') say(`  ${reason}`)
  }
  const count = (wanted: string): number => findings.filter(({ verdict }) => verdict === wanted).length
  const counts = ['caught', 'survived', 'unfit', 'skipped'].map((verdict) => `${count(verdict)} ${verdict}`)
  say(`\n${counts.join(', ')}`)
  return open.length > 0 ? 1 : 0
}

function oneLine(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  return line.length > 70 ? `${line.slice(0, 69)}…` : line
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
