import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Messages in each topic. */
  readonly records: number
  /** Rounds; every subject runs once in each. */
  readonly repeat: number
  /** One topic for each of these partition counts. */
  readonly partitions: readonly number[]
  /** After the measurements, also run once under Node's profiler for each topic. */
  readonly profile: boolean
}

export const usage = `npm run bench -- [options]

  --records N      messages in each topic (1000000)
  --repeat N       rounds, in each of which every subject runs once (3)
  --partitions L   partition counts, one topic for each (1,4)
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
    records: wholeNumber('records', values.records),
    repeat: wholeNumber('repeat', values.repeat),
    partitions: values.partitions.split(',').map((each) => wholeNumber('partitions', each)),
    profile: values.profile,
  }
}

interface Values {
  readonly records: string
  readonly repeat: string
  readonly partitions: string
  readonly profile: boolean
  readonly help: boolean
}

function parse(args: readonly string[]): Values {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        records: { type: 'string', default: '1000000' },
        repeat: { type: 'string', default: '3' },
        partitions: { type: 'string', default: '1,4' },
        profile: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--${name} ${text}: a whole number above 0 is expected`)
  return Number(text)
}
