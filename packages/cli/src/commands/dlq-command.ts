import { parseDuration, type ReplayStage, replayStages } from '@connect-run/core/runtime'
import { type Command, InvalidArgumentError, Option } from 'commander'

/** Which letters, as given on the command line. */
export interface LetterFlags {
  readonly pipeline?: string
  readonly anyPipeline?: boolean
  readonly code?: readonly string[]
  readonly since?: number
  readonly until?: number
  readonly stream?: string
  readonly partition?: number
  readonly offsets?: { readonly first: number; readonly last: number }
}

export type OutputFormat = 'text' | 'json'

export interface ListFlags extends LetterFlags {
  readonly format: OutputFormat
}

export interface ShowFlags extends LetterFlags {
  readonly format: OutputFormat
  readonly limit: number
}

export interface ReplayFlags extends LetterFlags {
  readonly from: ReplayStage
  readonly limit?: number
  readonly again?: boolean
  readonly dryRun?: boolean
}

export interface PurgeFlags extends LetterFlags {
  readonly unreplayed?: boolean
  readonly dryRun?: boolean
}

export interface DlqActions {
  readonly list: (file: string, flags: ListFlags) => Promise<void>
  readonly show: (file: string, flags: ShowFlags) => Promise<void>
  readonly replay: (file: string, flags: ReplayFlags) => Promise<void>
  readonly purge: (file: string, flags: PurgeFlags) => Promise<void>
}

// Paragraphs are wrapped where they are shown.
const description = [
  'Looks after records that a pipeline has set aside (errors.deadLetterQueue), in a topic or in a file.',
  "A replay runs them through the pipeline's converters, transforms and sink again, with the bytes, coordinates and " +
    'timestamps that they had. What was replayed is marked in a journal and not replayed twice, also if the replay was ' +
    'killed on the way: the same command then goes on. Records that fail again stay, with one attempt more.',
].join('\n\n')

const exitCodesText = `Exit codes: 0 done, 1 some records failed again, were left out, or it was cut short, 2 invalid config or command
line, 3 another process replays or purges the same queue, or its journal can't be read or written.`

const examples = `
Examples:
  connect-run dlq list configs/oceanic.yaml                                what failed, how often, and why
  connect-run dlq show configs/oceanic.yaml --code CONVERSION_FAILED --limit 1
  connect-run dlq replay configs/oceanic.yaml --since 2h --dry-run         how much it would be
  connect-run dlq replay configs/oceanic.yaml --stream oceanic --partition 3 --offsets 1000-2000
  connect-run dlq purge configs/oceanic.yaml                               remove what was replayed (files only)

${exitCodesText}`

const replayHelp = `
The pipeline may go on running, unless its sink writes a file. A sink that is idempotent (CnosDB), holds positions beside
its data (file) or is transactional (kafka with \`delivery: exactly-once\`) gets each record once, whatever interrupts the
replay. To any other, up to 500 records may come twice after a crash. Replayed records come after newer ones: a sink that
keeps the last value of a key keeps the replayed one.

With the state in Redis a replay is a BullMQ job: one host at a time, and none replays what another has. With the state in
files, hosts don't know of each other's replays.

${exitCodesText}`

const purgeHelp = `
Removes letters that were replayed; --unreplayed also those that were not: they are gone for good. The pipeline may go on
running. From a topic nothing is removed, as Kafka can only remove all that is before an offset: the command says how.

${exitCodesText}`

export function addDlqCommands(program: Command, actions: DlqActions): void {
  const dlq = program
    .command('dlq')
    .summary('list, show, replay or purge dead letters')
    .description(description)
    .usage('list|show|replay|purge FILE [--pipeline NAME] [options]')
    .addHelpText('after', examples)
  letters(dlq.command('list').description('Counts dead letters by code, stage and cause.'))
    .addOption(formatOption())
    .action(actions.list)
  letters(dlq.command('show').description('Prints dead letters: headers, reason, hint and the decoded value.'))
    .option('--limit <n>', 'at most so many', wholeNumber, 10)
    .addOption(formatOption())
    .action(actions.show)
  letters(dlq.command('replay').description('Runs dead letters through the pipeline again.'))
    .addOption(
      new Option('--from <stage>', 'transforms: converters, transforms and sink; sink: without the transforms')
        .choices(replayStages)
        .default('transforms'),
    )
    .option('--limit <n>', 'at most so many records', wholeNumber)
    .option('--again', 'also records that were replayed before')
    .option('--dry-run', 'only say what would be done')
    .addHelpText('after', replayHelp)
    .action(actions.replay)
  letters(dlq.command('purge').description('Removes dead letters that were replayed.'))
    .option('--unreplayed', 'also letters that were not replayed')
    .option('--dry-run', 'only say what would be done')
    .addHelpText('after', purgeHelp)
    .action(actions.purge)
}

/** What all of them take. */
function letters(command: Command): Command {
  return command
    .usage('FILE [options]')
    .argument('<file>', 'config file')
    .option('--pipeline <name>', 'the pipeline; may be left out where only one has a dead letter queue')
    .option(
      '--any-pipeline',
      'also letters that another pipeline has set aside in the same queue, or this one under another name',
    )
    .option('--code <code>', 'only these error codes; may be given several times', append)
    .option('--since <time>', 'first failure at or after a time (2026-01-31T12:00:00Z) or so long ago (2h)', time)
    .option('--until <time>', 'first failure before a time, or so long ago', time)
    .option('--stream <name>', 'only records of this topic or file')
    .option('--partition <n>', 'only records of this partition', wholeNumber)
    .option('--offsets <range>', 'only these offsets: 1000-2000 (both included), or one', offsets)
}

function formatOption(): Option {
  return new Option('--format <format>').choices(['text', 'json']).default('text')
}

function append(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Give a whole number.')
  return Number(text)
}

function time(text: string): number {
  const ago = parseDuration(text)
  const at = ago === undefined ? Date.parse(text) : Date.now() - ago
  if (Number.isNaN(at))
    throw new InvalidArgumentError('Give a time like 2026-01-31T12:00:00Z, or how long ago like 2h.')
  return at
}

function offsets(text: string): { first: number; last: number } {
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? []
  if (first === undefined || Number(last) < Number(first)) throw new InvalidArgumentError('Give them like 1000-2000.')
  return { first: Number(first), last: Number(last) }
}
