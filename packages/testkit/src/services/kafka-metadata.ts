import { connect } from 'node:net'

const METADATA = 3
const ANSWER_MS = 5000

/**
 * The broker that leads a partition, by the account of the one at `port`; -1 where that one knows of none. After a
 * failover brokers may disagree for half a second, and a client asks whichever of them it likes.
 */
export async function leaderBy(port: number, topic: string, partition: number): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`the broker at port ${port} does not answer`)))
  socket.write(request(topic))
  let answer = Buffer.alloc(0)
  for await (const chunk of socket) {
    answer = Buffer.concat([answer, chunk as Buffer])
    if (answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0)) return leaders(answer).get(partition) ?? -1
  }
  throw new Error(`the broker at port ${port} closed the connection`)
}

/** Version 0, which every broker understands: correlation 0, no client id, one topic. */
function request(topic: string): Buffer {
  const name = Buffer.from(topic)
  const head = Buffer.alloc(20)
  head.writeInt32BE(16 + name.length, 0)
  head.writeInt16BE(METADATA, 4)
  head.writeInt16BE(-1, 12)
  head.writeInt32BE(1, 14)
  head.writeInt16BE(name.length, 18)
  return Buffer.concat([head, name])
}

function leaders(answer: Buffer): ReadonlyMap<number, number> {
  let at = 8 // after length and correlation
  const int16 = (): number => answer.readInt16BE((at += 2) - 2)
  const int32 = (): number => answer.readInt32BE((at += 4) - 4)
  const text = (): void => {
    const length = int16()
    at += length
  }
  const each = <T>(read: () => T): T[] => Array.from({ length: int32() }, read)
  each(() => [int32(), text(), int32()]) // brokers: id, host, port
  const [partitions] = each(() => {
    int16() // error
    text()
    return each((): [number, number] => {
      int16() // error
      const leader: [number, number] = [int32(), int32()]
      each(int32) // replicas
      each(int32) // in sync
      return leader
    })
  })
  return new Map(partitions)
}
