import { parseArgs } from 'node:util'

export const SCENARIO_NAMES = ['kafka-to-http', 'kafka-to-file', 'file-to-kafka'] as const

export type ScenarioName = (typeof SCENARIO_NAMES)[number]

export interface BenchOptions {
  readonly scenarios: readonly ScenarioName[]
  /** To be moved in each run. */
  readonly records: number
  /** Rounds; every subject runs once in each. */
  readonly repeat: number
  /** For the scenarios that are measured with several: one topic for each of these partition counts. */
  readonly partitions: readonly number[]
  /** After the measurements, also run once under Node's profiler for each table. */
  readonly profile: boolean
  /** The file for the figures. Default: one of its own in `.cache/bench`. */
  readonly json?: string
  /** A file for the tables as Markdown. Default none. */
  readonly markdown?: string
}

export const usage: string = `npm run bench -- [options]

  --scenario L     what to measure (${SCENARIO_NAMES.join(',')})
  --records N      records moved in each run (2000000)
  --repeat N       rounds, in each of which every subject runs once (3)
  --partitions L   partition counts of kafka-to-http, one topic for each (1,4); the others have one partition
  --json FILE      where to write the figures (.cache/bench/<time>.json)
  --markdown FILE  also write the tables there, as Markdown
  --profile        also profile connect-run, after the measurements
  --help           this text
`

/** A command line that cannot be understood. */
export class UsageError extends Error {}

/** What the command line says, or undefined where it asks for help. Throws UsageError. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const values = parse(args)
  if (values.help) return undefined
  return {
    scenarios: values.scenario.split(',').map(scenarioName),
    records: wholeNumber('records', values.records),
    repeat: wholeNumber('repeat', values.repeat),
    partitions: values.partitions.split(',').map((each) => wholeNumber('partitions', each)),
    profile: values.profile,
    ...(values.json === undefined ? {} : { json: values.json }),
    ...(values.markdown === undefined ? {} : { markdown: values.markdown }),
  }
}

interface Values {
  readonly scenario: string
  readonly records: string
  readonly repeat: string
  readonly partitions: string
  readonly profile: boolean
  readonly json?: string | undefined
  readonly markdown?: string | undefined
  readonly help: boolean
}

function parse(args: readonly string[]): Values {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        scenario: { type: 'string', default: SCENARIO_NAMES.join(',') },
        records: { type: 'string', default: '2000000' },
        repeat: { type: 'string', default: '3' },
        partitions: { type: 'string', default: '1,4' },
        profile: { type: 'boolean', default: false },
        json: { type: 'string' },
        markdown: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

function scenarioName(text: string): ScenarioName {
  const name = SCENARIO_NAMES.find((each) => each === text)
  if (!name) throw new UsageError(`--scenario ${text}: there are ${SCENARIO_NAMES.join(', ')}`)
  return name
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--${name} ${text}: a whole number above 0 is expected`)
  return Number(text)
}
