import { parseArgs } from 'node:util'
import { matching } from './glob.ts'
import { READING_BYTES } from './readings.ts'
import type { Choices, Compression } from './variant.ts'
import { COMPRESSIONS } from './variant.ts'

/** Measured by what a record costs. */
export const COST_SCENARIOS = [
  'kafka-to-http',
  'kafka-to-opensearch',
  'kafka-to-file',
  'file-to-kafka',
  'kafka-to-kafka',
] as const

/** Measured by how long a record takes. */
export const LATENCY_SCENARIOS = ['latency-http', 'latency-file'] as const

export type CostScenarioName = (typeof COST_SCENARIOS)[number]
export type LatencyScenarioName = (typeof LATENCY_SCENARIOS)[number]
export type ScenarioName = CostScenarioName | LatencyScenarioName

const SCENARIO_NAMES: readonly ScenarioName[] = [...COST_SCENARIOS, ...LATENCY_SCENARIOS]

export function isLatencyScenario(name: ScenarioName): name is LatencyScenarioName {
  return LATENCY_SCENARIOS.some((each) => each === name)
}

export interface BenchOptions {
  readonly scenarios: readonly ScenarioName[]
  /** Patterns for what runs beside connect-run, and connect-run's further ways. */
  readonly subjects: readonly string[]
  /** To be moved in each run; fewer where values are large. */
  readonly records: number
  /** Rounds; every subject runs once in each. */
  readonly repeat: number
  /** Without `partitions`: those that a scenario is usually measured with. */
  readonly choices: Omit<Choices, 'partitions'> & { readonly partitions: Choices['partitions'] | undefined }
  /** How long latency is measured in each run, in seconds. */
  readonly seconds: number
  /** After the measurements, also run under Node's profiler and leave the profiles there. Default not. */
  readonly profile?: string
  /** The file for the figures. Default: one of its own in `.cache/bench`. */
  readonly json?: string
  /** A file for the tables as Markdown. Default none. */
  readonly markdown?: string
}

export const usage: string = `npm run bench -- [options]

  --scenario L     what to measure, by names or patterns such as 'kafka-*' (all of them):
                   ${COST_SCENARIOS.join(', ')},
                   ${LATENCY_SCENARIOS.join(', ')}
  --subject L      only these programs and ways beside connect-run, by names or patterns: 'kcat*,*general*'
  --records N      records moved in each run; fewer where values are large, and at most 500000 into
                   OpenSearch (2000000)
  --repeat N       rounds, in each of which every subject runs once (3)
  --seconds N      how long latency is measured in each round (5)

 a table for each, where the scenario has it; all the firsts together, then each of the others in its place:
  --partitions L   numbers of partitions (kafka-to-http 1,4; the others 1)
  --values L       bytes of a value, such as 58,1k,100k (58)
  --keys L         no, yes: with a key and two headers (no)
  --compression L  of the topic that is read: none, gzip, lz4, zstd (none)
  --answer L       milliseconds that the HTTP sink takes to answer (0)

 sets of these; an option beside them wins:
  --quick          500000 records, two rounds, two seconds of latency, one partition: about six minutes
  --all            every table: 1,4,16 partitions, values of 58,1k,100k, keys, compressions, answers after 0,5,20

  --json FILE      where to write the figures (.cache/bench/<time>.json)
  --markdown FILE  also write the tables there, as Markdown
  --profile DIR    also profile connect-run, after the measurements, and leave the profiles there
  --help           this text
`

/** A command line that cannot be understood. */
export class UsageError extends Error {}

type Preset = Readonly<
  Record<'records' | 'repeat' | 'seconds' | 'values' | 'keys' | 'compression' | 'answer', string>
> & {
  readonly partitions?: string
}

const usual: Preset = {
  records: '2000000',
  repeat: '3',
  seconds: '5',
  values: String(READING_BYTES),
  keys: 'no',
  compression: 'none',
  answer: '0',
}

const quick: Preset = { ...usual, records: '500000', repeat: '2', seconds: '2', partitions: '1' }

const all: Preset = {
  ...usual,
  partitions: '1,4,16',
  values: `${READING_BYTES},1k,100k`,
  keys: 'no,yes',
  compression: COMPRESSIONS.join(','),
  answer: '0,5,20',
}

/** What the command line says, or undefined where it asks for help. Throws UsageError. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const given = parse(args)
  if (given.help) return undefined
  if (given.quick && given.all) throw new UsageError('--quick and --all exclude each other')
  const preset = given.quick ? quick : given.all ? all : usual
  const { profile, json, markdown } = given
  const partitions = given.partitions ?? preset.partitions
  return {
    scenarios: scenarioNames(list('scenario', given.scenario ?? '*')),
    subjects: list('subject', given.subject ?? '*'),
    records: wholeNumber('records', given.records ?? preset.records),
    repeat: wholeNumber('repeat', given.repeat ?? preset.repeat),
    seconds: wholeNumber('seconds', given.seconds ?? preset.seconds),
    choices: {
      partitions: partitions === undefined ? undefined : partitionCounts(partitions),
      valueBytes: list('values', given.values ?? preset.values).map(valueBytes),
      keyed: list('keys', given.keys ?? preset.keys).map(yesOrNo),
      compression: list('compression', given.compression ?? preset.compression).map(compression),
      answerMs: list('answer', given.answer ?? preset.answer).map((each) => wholeNumber('answer', each, 0)),
    },
    ...(profile === undefined ? {} : { profile }),
    ...(json === undefined ? {} : { json }),
    ...(markdown === undefined ? {} : { markdown }),
  }
}

const TEXTS = [
  'scenario',
  'subject',
  'records',
  'repeat',
  'seconds',
  'partitions',
  'values',
  'keys',
  'compression',
  'answer',
  'profile',
  'json',
  'markdown',
] as const

const SWITCHES = ['quick', 'all', 'help'] as const

type Given = { readonly [K in (typeof TEXTS)[number]]?: string } & {
  readonly [K in (typeof SWITCHES)[number]]?: boolean
}

function parse(args: readonly string[]): Given {
  const texts = TEXTS.map((name) => [name, { type: 'string' }] as const)
  const switches = SWITCHES.map((name) => [name, { type: 'boolean' }] as const)
  try {
    return parseArgs({ args: [...args], options: Object.fromEntries([...texts, ...switches]) }).values
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

function scenarioNames(patterns: readonly string[]): ScenarioName[] {
  const vain = patterns.find((pattern) => matching(SCENARIO_NAMES, [pattern]).length === 0)
  if (vain !== undefined) throw new UsageError(`--scenario ${vain}: there are ${SCENARIO_NAMES.join(', ')}`)
  return matching(SCENARIO_NAMES, patterns)
}

function list(name: string, text: string): string[] {
  const items = text.split(',').map((each) => each.trim())
  if (items.includes('')) throw new UsageError(`--${name} ${text}: something is missing between the commas`)
  return items
}

function partitionCounts(text: string): number[] {
  return list('partitions', text).map((each) => wholeNumber('partitions', each))
}

function valueBytes(text: string): number {
  const [, digits = '', unit] = /^([1-9]\d{0,5})(k?)$/.exec(text) ?? []
  const bytes = Number(digits) * (unit === 'k' ? 1024 : 1)
  if (bytes === READING_BYTES || (bytes >= 100 && bytes <= 900 * 1024)) return bytes
  throw new UsageError(`--values ${text}: ${READING_BYTES}, or 100 to 900k is expected`)
}

function yesOrNo(text: string): boolean {
  if (text !== 'yes' && text !== 'no') throw new UsageError(`--keys ${text}: yes and no are expected`)
  return text === 'yes'
}

function compression(text: string): Compression {
  const known = COMPRESSIONS.find((each) => each === text)
  if (!known) throw new UsageError(`--compression ${text}: there are ${COMPRESSIONS.join(', ')}`)
  return known
}

/** Throws UsageError. */
export function wholeNumber(name: string, text: string, least = 1): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    throw new UsageError(`--${name} ${text}: a whole number from ${least} on is expected`)
  }
  return Number(text)
}
