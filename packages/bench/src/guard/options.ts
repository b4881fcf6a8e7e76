import { parseArgs } from 'node:util'
import { UsageError, wholeNumber } from '../options.ts'
import { recordFile } from './record-file.ts'

export interface GuardOptions {
  /** Write down what is measured, instead of comparing with it. */
  readonly record: boolean
  /** To be moved in each run. */
  readonly records: number
  /** Before anything is said. */
  readonly rounds: number
  /** Show every run. */
  readonly verbose: boolean
  readonly file: string
}

export const usage: string = `npm run bench:guard -- [options]

Measures what a record costs connect-run by what it costs kcat in the same minutes, and fails where that has become
more than was last recorded.

  --record     write down what is measured now, as what to compare with
  --records N  records moved in each run (1000000)
  --rounds N   rounds, in each of which both programs run twice (3; with --record 7)
  --verbose    show every run
  --file FILE  where it is written down (packages/bench/guard.json)
  --help       this text
`

/** What the command line says, or undefined where it asks for help. Throws UsageError. */
export function readGuardOptions(args: readonly string[]): GuardOptions | undefined {
  const { record = false, verbose = false, help = false, file = recordFile, records, rounds } = parse(args)
  if (help) return undefined
  return {
    record,
    verbose,
    file,
    records: wholeNumber('records', records ?? '1000000'),
    rounds: wholeNumber('rounds', rounds ?? (record ? '7' : '3')),
  }
}

interface Given {
  readonly record?: boolean
  readonly verbose?: boolean
  readonly help?: boolean
  readonly file?: string
  readonly records?: string
  readonly rounds?: string
}

function parse(args: readonly string[]): Given {
  const [flag, text] = [{ type: 'boolean' }, { type: 'string' }] as const
  const options = { record: flag, verbose: flag, help: flag, file: text, records: text, rounds: text }
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}
