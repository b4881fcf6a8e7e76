import { type Command, InvalidArgumentError, Option } from 'commander'

import type { TortureOptions } from './torture.ts'

const description = [
  'Runs the pipelines of a file in worker processes that are killed with kill -9, suspended and cut off from their',
  'servers at random, under load, and shows what became of every record: lost, doubled, reordered, or as promised.\n\n',
  'Records carry a lane and a number, and are put where the source reads: into a topic of four partitions, or four',
  'files. What the sink has written is read back without it (read_committed from Kafka) and compared. The pipelines are',
  'yours, with their transforms, converters, retries and limits; the topics, files, tables, consumer groups and the',
  'state are the run’s own, so that nothing of yours is touched: without --embedded they are made at the addresses of',
  'the file.',
]
  .join(' ')
  .replace('\n\n ', '\n\n')

const examples = `
What counts as lost: a record that was sent and is not there. A transform that drops records, and a template that leaves
out the members "lane" and "seq", look like losses. Doubles count where the pipeline promises that there are none (see
the column at the end). A silent stop is a minute in which nothing moved though all servers were well and records
waited, and a worker that ended though nobody asked it to.

Examples:
  connect-run torture configs/oceanic.yaml --embedded                   needs nothing but Java, which runs a Kafka
  connect-run torture configs/oceanic.yaml --embedded --brokers 3       topics survive any one broker
  connect-run torture pipe.yaml --for 10m --kills 100 --records 1000000 long and hard, at the addresses of the file
  connect-run torture pipe.yaml --seed 4711 --format json               the same schedule as another run, for programs

Exit codes: 0 every promise was kept, 1 one was broken, 2 invalid config or command line, 3 the machine lacks something.`

type Flags = Omit<TortureOptions, 'only' | 'embedded' | 'redis'> &
  Partial<Pick<TortureOptions, 'only' | 'embedded' | 'redis'>>

export function addTorture(program: Command, action: (file: string, options: TortureOptions) => Promise<void>): void {
  program
    .command('torture')
    .summary('kill and hamper the pipelines of a file, and show what becomes of the records')
    .description(description)
    .usage('FILE [options]')
    .argument('<file>', 'a config file')
    .option('--for <duration>', 'how long the load lasts', '1m')
    .option('--seed <n>', 'the same seed gives the same schedule; default: a new one, which is printed', whole)
    .option('--records <n>', 'records for each pipeline, spread over the time', whole, 100_000)
    .option('--kills <n>', 'how many times a worker is killed with kill -9; default: one in 6 s', whole)
    .option('--suspends <n>', 'how many times one is suspended for up to 15 s; default: one in 30 s', whole)
    .option('--workers <n>', 'so many workers run the file at the same time', positive, 1)
    .option('--only <pipeline>', 'torture this pipeline only; may be given several times', append)
    .option('--record <json>', 'members that every record has besides its lane and number', '{}')
    .option('--no-faults', 'servers do not fail: workers are killed and suspended only')
    .option('--embedded', 'bring up what the file needs: a Kafka (needs Java), a stand-in for CnosDB')
    .option('--brokers <n>', 'of the Kafka that --embedded brings up', positive, 1)
    .option('--redis', 'run a real redis-server for the state')
    .addOption(new Option('--format <format>').choices(['text', 'json']).default('text'))
    .addHelpText('after', examples)
    .action((file: string, { only = [], embedded = false, redis = false, ...flags }: Flags) =>
      action(file, { ...flags, only, embedded, redis }),
    )
}

function whole(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError('It must be a whole number.')
}

function positive(text: string): number {
  const value = whole(text)
  if (value > 0) return value
  throw new InvalidArgumentError('It must be at least 1.')
}

function append(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
