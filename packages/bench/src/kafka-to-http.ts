import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { KafkaCluster } from '@connect-run/testkit/services'
import { runCommand } from '@connect-run/testkit/services'
import { writeReadings } from './readings.ts'
import type { Run } from './run.ts'
import { cpuPerMillion } from './run.ts'
import type { SinkProcess } from './sink-process.ts'
import type { Job, Subject } from './subject.ts'

/** What the scenario runs on. */
export interface Bed {
  readonly kafka: KafkaCluster
  readonly kcat: string
  readonly sink: SinkProcess
  readonly folder: string
  readonly say: (line: string) => void
}

export interface SubjectRuns {
  readonly subject: string
  readonly runs: readonly Run[]
}

export interface TopicResult {
  readonly partitions: number
  readonly subjects: readonly SubjectRuns[]
}

const TIMEOUT_MS = 600_000

/** A topic with `records` sensor readings. */
export async function loadTopic(bed: Bed, records: number, partitions: number): Promise<string> {
  const { kafka, kcat, folder, say } = bed
  const topic = records > 0 ? `readings-${partitions}` : `nothing`
  await kafka.createTopic(topic, { partitions })
  if (records > 0) {
    const file = join(folder, 'readings.jsonl')
    await writeReadings(file, records)
    // At random for each message; by default whole batches go to one partition, and the partitions differ much.
    const even = ['-X', 'sticky.partitioning.linger.ms=0']
    await runCommand([kcat, '-P', '-b', kafka.bootstrap, '-t', topic, ...even, '-l', file])
    await rm(file)
  }
  const offsets = Object.values(await kafka.endOffsets(topic))
  const loaded = offsets.reduce((sum, offset) => sum + offset, 0)
  if (loaded !== records) throw new Error(`${topic} holds ${loaded} messages after ${records} were produced`)
  say(`  topic loaded: ${offsets.map((offset) => offset.toLocaleString('en')).join(' + ')} messages`)
  return topic
}

/** Runs every subject `repeat` times, in turns, so that what else happens on the machine meets all of them. */
export async function runInTurns(
  bed: Bed,
  subjects: readonly Subject[],
  { topic, records, repeat }: { readonly topic: string; readonly records: number; readonly repeat: number },
): Promise<SubjectRuns[]> {
  const results = subjects.map((subject) => ({ subject, runs: [] as Run[] }))
  for (let round = 1; round <= repeat; round++) {
    // Every other round goes the other way, so that nobody always runs second.
    for (const { subject, runs } of round % 2 === 1 ? results : results.toReversed()) {
      bed.say(`  round ${round} of ${repeat}: ${subject.name}`)
      runs.push(await runOnce(bed, subject, { topic, records }))
    }
  }
  return results.map(({ subject, runs }) => ({ subject: subject.name, runs }))
}

let started = 0

/** One run, which fails unless exactly `records` arrive. */
export async function runOnce(
  bed: Bed,
  subject: Subject,
  { topic, records }: { readonly topic: string; readonly records: number },
): Promise<Run> {
  const { kafka, sink, folder, say } = bed
  const job: Job = {
    bootstrap: kafka.bootstrap,
    topic,
    sink,
    id: `bench-${process.pid}-${++started}`,
    folder,
    timeoutMs: TIMEOUT_MS,
    onProgress: (arrived) =>
      say(`    … ${arrived.toLocaleString('en')} of ${records.toLocaleString('en')} have arrived`),
  }
  const run = await subject.run(job)
  if (run.records !== records) {
    throw new Error(`${subject.name}: ${run.records} records arrived of ${records}; see ${join(folder, job.id)}.log`)
  }
  const cost = records > 0 ? `${cpuPerMillion(run).toFixed(2)} CPU-s/M` : `${run.cpuSeconds.toFixed(2)} CPU-s`
  say(`    ${cost}, ${run.wallSeconds.toFixed(1)} s in all`)
  return run
}
