import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isServiceUnavailable, kcatProgram, startKafka } from '@connect-run/testkit/services'
import type { Environment } from './environment.ts'
import { describeEnvironment, environmentLines } from './environment.ts'
import { markdown, plainText } from './layout.ts'
import type { BenchOptions } from './options.ts'
import { UsageError, readOptions, usage } from './options.ts'
import { scenarioReport } from './report.ts'
import type { ScenarioResult } from './scenario.ts'
import { measureScenario } from './scenario.ts'
import { scenarios as known } from './scenarios/index.ts'
import type { Bed } from './turns.ts'

const resultFolder = fileURLToPath(new URL('../../../.cache/bench', import.meta.url))

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Runs the benchmarks and resolves with the exit code. */
export async function runBench(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args)
    if (options) await bench(options)
    else say(usage)
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

async function bench(options: BenchOptions): Promise<void> {
  const started = new Date()
  say(`${options.records.toLocaleString('en')} records of 58 bytes, ${options.repeat} rounds`)
  await mkdir(resultFolder, { recursive: true })
  process.env['CONNECT_RUN_TEST_CONTAINERS'] = 'off' // what a program uses in there is not seen from here
  // Inside the workspace: that is where connect-run looks for connectors.
  const folder = await mkdtemp(join(resultFolder, 'run-'))
  const [kcat, kafka] = await Promise.all([kcatProgram(), startKafka()])
  try {
    const environment = await describeEnvironment(kafka.release, kcat)
    for (const line of environmentLines(environment)) say(line)
    const scenarios = await measureAll({ kafka, kcat, folder, say }, options)
    for (const result of scenarios) say(`\n${scenarioReport(result, plainText)}`)
    await writeFigures({ started, options, environment, scenarios })
  } finally {
    await kafka.stop()
  }
  await rm(folder, { recursive: true }) // stays after a failure, for its logs
}

interface Figures {
  readonly started: Date
  readonly options: BenchOptions
  readonly environment: Environment
  readonly scenarios: readonly ScenarioResult[]
}

async function writeFigures(figures: Figures): Promise<void> {
  const { started, options, environment, scenarios } = figures
  const json = resolve(options.json ?? join(resultFolder, `${started.toISOString().replaceAll(':', '-')}.json`))
  await writeFile(json, JSON.stringify(figures, undefined, 2))
  say(`\nwritten to ${json}`)
  if (options.markdown === undefined) return
  const parts = [
    markdown.notes(environmentLines(environment)),
    ...scenarios.map((each) => scenarioReport(each, markdown)),
  ]
  await writeFile(options.markdown, parts.join('\n'))
}

async function measureAll(bed: Bed, options: BenchOptions): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = []
  for (const name of options.scenarios) results.push(await measureScenario(bed, known[name], options))
  return results
}
