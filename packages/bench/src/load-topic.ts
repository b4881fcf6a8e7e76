import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '@connect-run/testkit/services'
import { writeReadings } from './readings.ts'
import type { Bed } from './turns.ts'

let loaded = 0

/** A new topic with `records` sensor readings. */
export async function loadTopic(bed: Bed, records: number, partitions: number): Promise<string> {
  const { kafka, kcat, folder, say } = bed
  const topic = `readings-${++loaded}`
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
  const held = offsets.reduce((sum, offset) => sum + offset, 0)
  if (held !== records) throw new Error(`${topic} holds ${held} messages after ${records} were produced`)
  say(`  topic loaded: ${offsets.map((offset) => offset.toLocaleString('en')).join(' + ')} messages`)
  return topic
}
