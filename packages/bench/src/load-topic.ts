import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { KafkaCluster } from '@connect-run/testkit/services'
import { runCommand } from '@connect-run/testkit/services'
import { KEY_END, writeReadings } from './readings.ts'
import type { Bed } from './turns.ts'
import type { Variant } from './variant.ts'

const loaded = new WeakMap<KafkaCluster, Map<string, Promise<string>>>()

/** A topic with `records` sensor readings. The same one for all who want it alike, so it must not be written to. */
export function loadTopic(
  bed: Bed,
  records: number,
  { partitions, valueBytes, keyed, compression }: Variant,
): Promise<string> {
  const topics = loaded.get(bed.kafka) ?? new Map<string, Promise<string>>()
  loaded.set(bed.kafka, topics)
  const contents = { partitions, valueBytes, keyed, compression }
  const key = JSON.stringify({ records, ...contents })
  const topic = topics.get(key) ?? load(bed, `readings-${topics.size + 1}`, { records, ...contents })
  topics.set(key, topic)
  return topic
}

type Contents = Omit<Variant, 'answerMs'> & { readonly records: number }

async function load(bed: Bed, topic: string, contents: Contents): Promise<string> {
  const { kafka, say } = bed
  const { records, partitions } = contents
  await kafka.createTopic(topic, { partitions })
  if (records > 0) await fill(bed, topic, contents)
  const offsets = Object.values(await kafka.endOffsets(topic))
  const held = offsets.reduce((sum, offset) => sum + offset, 0)
  if (held !== records) throw new Error(`${topic} holds ${held} messages after ${records} were produced`)
  say(`  topic loaded: ${offsets.map((offset) => offset.toLocaleString('en')).join(' + ')} messages`)
  return topic
}

async function fill({ kafka, kcat, folder }: Bed, topic: string, contents: Contents): Promise<void> {
  const { records, keyed, compression } = contents
  const file = join(folder, `${topic}.jsonl`)
  await writeReadings(file, records, contents)
  // At random for each message; by default whole batches go to one partition, and the partitions differ much.
  const even = ['-X', 'sticky.partitioning.linger.ms=0']
  const headers = keyed ? ['-K', KEY_END, '-H', 'site=north-7', '-H', 'schema=reading.v2'] : []
  const options = [...even, ...headers, '-z', compression]
  await runCommand([kcat, '-P', '-b', kafka.bootstrap, '-t', topic, ...options, '-l', file])
  await rm(file)
}
