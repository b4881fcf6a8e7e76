import { type Command, Option } from 'commander'

import type { ExplainOptions } from './explain.ts'
import type { StatusOptions } from './status.ts'

const statusHelp = `
The figures are totals since a pipeline first ran, as stored with its positions: what is being written right now comes with
the next commit. Records of which nothing is stored yet are "in flight"; those that were in flight when a worker died, or
gave a partition up, are "released" and were read again.
Where the source keeps its positions itself (Kafka), they are in its consumer group, and each worker of a pipeline stores
its figures once a second: those of the last second before a kill are missing.

Examples:
  connect-run status configs/oceanic.yaml                    one row for each pipeline
  connect-run status configs/oceanic.yaml --partitions       and one for each partition, with its position
  connect-run status configs/oceanic.yaml --format json      for programs, with all that is stored

Exit codes: 0 shown, 1 a ledger does not add up, 2 invalid config or command line, 3 the state can't be read.`

const explainHelp = `
The guarantee is one of:
  exactly-once        written once, in one transaction with the position
  effectively-once    there once: what is written again changes nothing
  at-least-once       written, and some twice after a crash
  best-effort         what was read and not written when a worker dies is gone

Examples:
  connect-run explain configs/oceanic.yaml                   before it runs for the first time
  connect-run explain configs/*.yaml --format json           for programs, one object for each pipeline

Exit codes: 0 explained, 2 invalid config or command line.`

interface StatusFlags {
  readonly format: StatusOptions['format']
  readonly partitions?: boolean
}

export function addStatus(program: Command, action: (files: string[], options: StatusOptions) => Promise<void>): void {
  program
    .command('status')
    .summary('show what became of all records so far, and where pipelines stand')
    .description('Shows what is stored of the pipelines of some files, while they run and after. Changes nothing.')
    .usage('FILE… [options]')
    .argument('<file...>', 'config files')
    .option('--partitions', 'each partition by itself, with its position')
    .addOption(new Option('--format <format>').choices(['text', 'json']).default('text'))
    .addHelpText('after', statusHelp)
    .action((files: string[], { format, partitions = false }: StatusFlags) => action(files, { format, partitions }))
}

export function addExplain(
  program: Command,
  action: (files: string[], options: ExplainOptions) => Promise<void>,
): void {
  program
    .command('explain')
    .summary('say what each pipeline guarantees, why, and what would make it stronger')
    .description('Says what the pipelines of some files guarantee, sentence by sentence. Connects to nothing.')
    .usage('FILE… [options]')
    .argument('<file...>', 'config files')
    .addOption(new Option('--format <format>').choices(['text', 'json']).default('text'))
    .addHelpText('after', explainHelp)
    .action((files: string[], options: ExplainOptions) => action(files, options))
}
