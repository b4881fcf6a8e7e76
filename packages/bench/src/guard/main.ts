import { isServiceUnavailable } from '@connect-run/testkit/services'
import { withBed } from '../bed.ts'
import type { Environment } from '../environment.ts'
import { describeEnvironment, environmentLines } from '../environment.ts'
import { UsageError } from '../options.ts'
import { scenarios } from '../scenarios/index.ts'
import type { Bed } from '../turns.ts'
import { openLane } from './lane.ts'
import type { GuardOptions } from './options.ts'
import { readGuardOptions, usage } from './options.ts'
import type { GuardRecord } from './record-file.ts'
import { changesSince, readRecord, writeRecord } from './record-file.ts'
import type { Verdict } from './verdict.ts'
import { TOLERANCE, judge, percent, verdictLine } from './verdict.ts'

const GUARDED = ['kafka-to-http', 'kafka-to-file', 'file-to-kafka'] as const
/** Before a loss is believed. */
const MORE_ROUNDS = 4

const EXIT = { held: 0, lost: 1, usage: 2, unavailable: 3 } as const

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Measures and compares, or records, and resolves with the exit code. */
export async function runGuard(args: readonly string[]): Promise<number> {
  try {
    const options = readGuardOptions(args)
    if (options) return await guard(options)
    say(usage)
    return EXIT.held
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${usage}`)
      return EXIT.usage
    }
    if (!isServiceUnavailable(error)) throw error
    process.stderr.write(`${error.message}\n`)
    return EXIT.unavailable
  }
}

async function guard(options: GuardOptions): Promise<number> {
  const { record, verbose, file } = options
  const before = record ? undefined : await readRecord(file)
  let code: number = EXIT.held
  await withBed(verbose ? say : () => {}, async (bed) => {
    const environment = await describeEnvironment(bed.kafka.release, bed.kcat)
    for (const line of environmentLines(environment)) say(line)
    const verdicts: Verdict[] = []
    for (const name of GUARDED) verdicts.push(await measureOne(bed, name, { options, before }))
    if (record) {
      await writeRecord(file, recordOf(verdicts, environment, options))
      say(`written to ${file}`)
    } else if (verdicts.some(({ outcome }) => outcome === 'lost' || outcome === 'unknown')) {
      code = EXIT.lost
      for (const line of explanation(before, environment)) say(line)
    }
    return { failed: false }
  })
  return code
}

interface Comparison {
  readonly options: GuardOptions
  readonly before: GuardRecord | undefined
}

/** A loss is measured again, with more rounds, before it is one. */
async function measureOne(bed: Bed, name: (typeof GUARDED)[number], { options, before }: Comparison): Promise<Verdict> {
  const { records, rounds } = options
  const lane = await openLane(bed, scenarios[name], { records, starts: rounds })
  try {
    const recorded = before?.ratios[name]
    let verdict = judge(name, await lane.measure(rounds), recorded)
    if (verdict.outcome === 'lost') {
      say(`${verdictLine(verdict)}; once more with more rounds`)
      verdict = judge(name, await lane.measure(MORE_ROUNDS), recorded)
    }
    say(verdictLine(verdict))
    return verdict
  } finally {
    await lane.close()
  }
}

function recordOf(
  verdicts: readonly Verdict[],
  environment: Environment,
  { records, rounds }: GuardOptions,
): GuardRecord {
  const ratios = verdicts.map(({ scenario, measured }) => [scenario, Number(measured.ratio.toFixed(3))] as const)
  return {
    recorded: new Date().toISOString().slice(0, 10),
    environment,
    records,
    rounds,
    ratios: Object.fromEntries(ratios),
  }
}

export function explanation(before: GuardRecord | undefined, environment: GuardRecord['environment']): string[] {
  const anew = 'npm run bench:guard -- --record'
  if (!before) return [`Nothing has been recorded to compare with. On a quiet machine: ${anew}`]
  return [
    `At most: what was recorded on ${before.recorded} at ${before.environment.commit}, and ${percent(TOLERANCE)} and the noise of this run.`,
    ...changesSince(before, environment),
    `Find what made records dearer (npm run bench -- --quick --profile DIR), or, where that is meant to be so, record anew on a quiet machine: ${anew}`,
  ]
}
