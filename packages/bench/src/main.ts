import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isServiceUnavailable } from '@connect-run/testkit/services'
import { resultFolder, withBed } from './bed.ts'
import type { Environment } from './environment.ts'
import { describeEnvironment, environmentLines } from './environment.ts'
import { latencyReport } from './latency/latency-report.ts'
import type { LatencyResult } from './latency/latency-scenario.ts'
import { measureLatencyScenario } from './latency/latency-scenario.ts'
import type { Layout } from './layout.ts'
import { markdown, plainText } from './layout.ts'
import type { BenchOptions, ScenarioName } from './options.ts'
import { UsageError, isLatencyScenario, readOptions, usage } from './options.ts'
import { scenarioReport } from './report.ts'
import type { ScenarioResult } from './scenario.ts'
import { measureScenario } from './scenario.ts'
import { latencyScenarios, scenarios as costScenarios } from './scenarios/index.ts'
import type { Bed } from './turns.ts'

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Runs the benchmarks and resolves with the exit code. */
export async function runBench(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args)
    if (options) return await bench(options)
    say(usage)
    return 0
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${usage}`)
      return 2
    }
    if (!isServiceUnavailable(error)) throw error
    process.stderr.write(`${error.message}\n`)
    return 3
  }
}

async function bench(options: BenchOptions): Promise<number> {
  const started = new Date()
  const results: Results = { scenarios: [], latencies: [] }
  const failed = (): boolean => results.scenarios.some(({ failures }) => failures.length > 0)
  say(`${options.records.toLocaleString('en')} records, ${options.repeat} rounds`)
  await withBed(say, async (bed) => {
    const environment = await describeEnvironment(bed.kafka.release, bed.kcat)
    for (const line of environmentLines(environment)) say(line)
    try {
      for (const name of options.scenarios) await measureOne(bed, name, { options, results })
    } finally {
      // What was measured before a failure is kept.
      for (const report of reports(results, plainText)) say(`\n${report}`)
      await writeFigures({ started, options, environment, ...results })
    }
    return { failed: failed() }
  })
  return failed() ? 1 : 0
}

interface Results {
  readonly scenarios: ScenarioResult[]
  readonly latencies: LatencyResult[]
}

async function measureOne(
  bed: Bed,
  name: ScenarioName,
  { options, results }: { readonly options: BenchOptions; readonly results: Results },
): Promise<void> {
  if (isLatencyScenario(name)) {
    results.latencies.push(await measureLatencyScenario(bed, latencyScenarios[name], options))
  } else {
    results.scenarios.push(await measureScenario(bed, name, { scenario: costScenarios[name], options }))
  }
}

function reports({ scenarios, latencies }: Results, layout: Layout): string[] {
  return [
    ...scenarios.map((each) => scenarioReport(each, layout)),
    ...latencies.map((each) => latencyReport(each, layout)),
  ]
}

interface Figures extends Results {
  readonly started: Date
  readonly options: BenchOptions
  readonly environment: Environment
}

async function writeFigures(figures: Figures): Promise<void> {
  const { started, options, environment } = figures
  const json = resolve(options.json ?? join(resultFolder, `${started.toISOString().replaceAll(':', '-')}.json`))
  await writeFile(json, JSON.stringify(figures, undefined, 2))
  say(`\nwritten to ${json}`)
  if (options.markdown === undefined) return
  const parts = [markdown.notes(environmentLines(environment)), ...reports(figures, markdown)]
  await writeFile(options.markdown, parts.join('\n'))
}
