import { runCommand } from '@connect-run/testkit/services'
import { READING_BYTES } from './readings.ts'
import type { Destination } from './subject.ts'
import { emptyTally } from './tally.ts'
import type { Bed } from './turns.ts'

/** The topic's own setting that makes the broker note when a record arrived. */
export const APPEND_TIME = { 'message.timestamp.type': 'LogAppendTime' } as const

/** A new topic of one partition. Its end tells how many records there are, the broker's clock when they came. */
export function topicDestination({ kafka, kcat }: Pick<Bed, 'kafka' | 'kcat'>, topic: string): Destination {
  const arrived = async (): Promise<number> => (await kafka.endOffsets(topic))[0] ?? 0
  const timeAt = async (offset: string): Promise<number> => {
    const place = ['-b', kafka.bootstrap, '-t', topic, '-p', '0', '-o', offset]
    const printed = await runCommand([kcat, '-C', '-q', ...place, '-c', '1', '-f', '%T %S'], { timeoutMs: 60_000 })
    const [time, size] = printed.split(' ').map(Number)
    if (size !== READING_BYTES - 1) throw new Error(`a message of ${size} bytes has arrived, which is no reading`)
    return time!
  }
  return {
    arrived,
    count: async () => {
      const records = await arrived()
      if (records === 0) return { tally: emptyTally }
      const [firstAt, lastAt] = await Promise.all([timeAt('beginning'), timeAt('-1')])
      return { tally: { records, firstRecords: 1, firstAt, lastAt } }
    },
  }
}
