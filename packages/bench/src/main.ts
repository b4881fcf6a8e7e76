import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isServiceUnavailable, kcatProgram, startKafka } from '@connect-run/testkit/services'
import { connectRunSubject } from './connect-run.ts'
import type { CpuProfile } from './cpu-profile.ts'
import { selfTimes } from './cpu-profile.ts'
import { describeEnvironment, environmentLines } from './environment.ts'
import { kcatSubject } from './kcat.ts'
import type { Bed, SubjectRuns, TopicResult } from './kafka-to-http.ts'
import { loadTopic, runInTurns, runOnce } from './kafka-to-http.ts'
import type { BenchOptions } from './options.ts'
import { UsageError, readOptions, usage } from './options.ts'
import { rawConsumerSubject } from './raw-consumer.ts'
import { noiseLine, startAndStopLine, topicTable } from './report.ts'
import { startSink } from './sink-process.ts'

const resultFolder = fileURLToPath(new URL('../../../.cache/bench', import.meta.url))

const SCENARIO = 'Kafka -> line protocol -> HTTP'

const PROFILE_ROWS = 25

/** The same program under two names: how far they are apart is the noise. */
const TWINS = ['connect-run', 'connect-run again'] as const

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
  say(`${SCENARIO}: ${options.records.toLocaleString('en')} messages of 58 bytes, ${options.repeat} rounds`)
  await mkdir(resultFolder, { recursive: true })
  // Inside the workspace: that is where connect-run looks for connectors.
  const folder = await mkdtemp(join(resultFolder, 'run-'))
  const [kcat, kafka] = await Promise.all([kcatProgram(), startKafka()])
  const sink = await startSink()
  try {
    const environment = await describeEnvironment(kafka.release, kcat)
    for (const line of environmentLines(environment)) say(line)
    const bed: Bed = { kafka, kcat, sink, folder, say }
    const result = await measureAll(bed, options)
    const file = join(resultFolder, `${started.toISOString().replaceAll(':', '-')}.json`)
    await writeFile(
      file,
      JSON.stringify({ scenario: SCENARIO, started, options, environment, ...result }, undefined, 2),
    )
    report(result)
    say(`\nwritten to ${file}`)
  } finally {
    await Promise.all([sink.stop(), kafka.stop()])
  }
  await rm(folder, { recursive: true }) // stays after a failure, for its logs
}

interface BenchResult {
  /** connect-run on an empty topic. */
  readonly startAndStop: SubjectRuns
  readonly topics: readonly TopicResult[]
}

async function measureAll(bed: Bed, options: BenchOptions): Promise<BenchResult> {
  const { records, repeat } = options
  const first = connectRunSubject(TWINS[0])
  const second = connectRunSubject(TWINS[1])
  const plain = connectRunSubject('connect-run, gzip: false', { sinkOptions: { gzip: false } })
  say('\nempty topic')
  const empty = await loadTopic(bed, 0, 1)
  const [startAndStop] = await runInTurns(bed, [first], { topic: empty, records: 0, repeat })
  const topics: TopicResult[] = []
  for (const partitions of options.partitions) {
    say(`\n${countOf(partitions)}`)
    const topic = await loadTopic(bed, records, partitions)
    const subjects = [kcatSubject(bed.kcat), rawConsumerSubject(partitions), first, plain, second]
    topics.push({ partitions, subjects: await runInTurns(bed, subjects, { topic, records, repeat }) })
    if (options.profile) await profile(bed, topic, records)
  }
  return { startAndStop: startAndStop!, topics }
}

function report({ startAndStop, topics }: BenchResult): void {
  for (const topic of topics) {
    say(`\n${SCENARIO}, ${countOf(topic.partitions)}: median (least-most)`)
    say(topicTable(topic))
    const [one, other] = TWINS.map((name) => topic.subjects.find((each) => each.subject === name)!)
    say(noiseLine(one!, other!))
  }
  say(`\n${startAndStopLine(startAndStop.runs)}`)
}

/** A run of its own: the profiler costs too much for it to be measured. */
async function profile(bed: Bed, topic: string, records: number): Promise<void> {
  const folder = join(bed.folder, `profile-${topic}`)
  const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${folder}`]
  await runOnce(bed, connectRunSubject('connect-run, profiled', { nodeFlags }), { topic, records })
  say('  seconds of the main thread by function, itself only:')
  for (const file of await readdir(folder)) {
    const times = selfTimes(JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile)
    for (const { place, seconds } of times.slice(0, PROFILE_ROWS)) say(`    ${seconds.toFixed(3)}  ${place}`)
  }
}

function countOf(partitions: number): string {
  return `${partitions} ${partitions === 1 ? 'partition' : 'partitions'}`
}
