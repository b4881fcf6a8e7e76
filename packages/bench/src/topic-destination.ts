import { runCommand } from '@connect-run/testkit/services'
import type { Destination } from './subject.ts'
import type { Tally } from './tally.ts'
import { addTallies, emptyTally } from './tally.ts'
import type { Bed, OpenRoute } from './turns.ts'
import type { Variant } from './variant.ts'

/** The topic's own setting that makes the broker note when a record arrived. */
const APPEND_TIME = { 'message.timestamp.type': 'LogAppendTime' } as const

/** A topic of its own for one run. */
export async function newTopic(
  bed: Bed,
  topic: string,
  { partitions, valueBytes }: Pick<Variant, 'partitions' | 'valueBytes'>,
): Promise<Pick<OpenRoute, 'destination' | 'close'>> {
  await bed.kafka.createTopic(topic, { partitions, config: APPEND_TIME })
  return { destination: topicDestination(bed, topic, valueBytes), close: () => bed.kafka.deleteTopic(topic) }
}

type Place = Pick<Bed, 'kafka' | 'kcat'>

/**
 * The ends of its partitions tell how many records there are, the broker's clock when they came; the first
 * and the last value of each partition must be `valueBytes` long.
 */
function topicDestination(place: Place, topic: string, valueBytes: number): Destination {
  const ends = async (): Promise<[number, number][]> => {
    const offsets = Object.entries(await place.kafka.endOffsets(topic))
    return offsets.map(([partition, offset]) => [Number(partition), offset])
  }
  const arrived = async (): Promise<number> => (await ends()).reduce((sum, [, offset]) => sum + offset, 0)
  return {
    arrived,
    count: async () => {
      const filled = (await ends()).filter(([, offset]) => offset > 0)
      const parts = await Promise.all(
        filled.map(async ([partition, records]) => {
          const timeAt = (offset: string): Promise<number> => timeOf(place, { topic, partition, offset, valueBytes })
          return tallyOf(records, await timeAt('beginning'), await timeAt('-1'))
        }),
      )
      return { tally: parts.reduce(addTallies, emptyTally) }
    },
  }
}

interface Message {
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly valueBytes: number
}

async function timeOf({ kafka, kcat }: Place, { topic, partition, offset, valueBytes }: Message): Promise<number> {
  const place = ['-b', kafka.bootstrap, '-t', topic, '-p', String(partition), '-o', offset]
  const printed = await runCommand([kcat, '-C', '-q', ...place, '-c', '1', '-f', '%T %S'], { timeoutMs: 60_000 })
  const [time, size] = printed.split(' ').map(Number)
  if (size !== valueBytes) throw new Error(`a message of ${size} bytes has arrived, and not of ${valueBytes}`)
  return time!
}

function tallyOf(records: number, firstAt: number, lastAt: number): Tally {
  return { records, firstRecords: 1, firstAt, lastAt }
}
