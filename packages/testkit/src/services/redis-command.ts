import { connect } from 'node:net'

/** A simple string, bulk string or null, number, or array of these. */
export type RedisReply = string | number | null | readonly RedisReply[]

export interface RedisTarget {
  readonly port: number
  readonly password?: string | undefined
  /** Default 5000. */
  readonly timeoutMs?: number
}

/** Sends one command over a connection of its own; rejects with what the server says if it is an error. */
export function redisCommand(target: RedisTarget, command: readonly string[]): Promise<RedisReply> {
  const { port, password, timeoutMs = 5000 } = target
  const commands = password === undefined ? [command] : [['AUTH', password], command]
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const end = (settle: () => void): void => {
      settle()
      socket.destroy()
    }
    let received = Buffer.alloc(0)
    socket.setTimeout(timeoutMs, () => end(() => reject(new Error(`Redis at port ${port} did not answer`))))
    socket.on('error', (error) => end(() => reject(error)))
    socket.on('close', () => reject(new Error(`Redis at port ${port} closed the connection`)))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      const replies = parsed(received)
      const failed = replies.find((reply) => reply instanceof Error)
      if (failed !== undefined) end(() => reject(failed))
      else if (replies.length === commands.length) end(() => resolve(replies.at(-1) as RedisReply))
    })
    socket.write(commands.map(encoded).join(''))
  })
}

function encoded(command: readonly string[]): string {
  return `*${command.length}\r\n${command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}

type Parsed = readonly [reply: RedisReply | Error, next: number]

/** The complete replies (RESP2) at the beginning. */
function parsed(bytes: Buffer): (RedisReply | Error)[] {
  const replies: (RedisReply | Error)[] = []
  let at = 0
  for (;;) {
    const one = parseOne(bytes, at)
    if (one === undefined) return replies
    replies.push(one[0])
    at = one[1]
  }
}

function parseOne(bytes: Buffer, at: number): Parsed | undefined {
  const lineEnd = bytes.indexOf('\r\n', at)
  if (lineEnd < 0) return undefined
  const line = bytes.toString('utf8', at + 1, lineEnd)
  const next = lineEnd + 2
  switch (bytes.toString('latin1', at, at + 1)) {
    case '-':
      return [new Error(line), next]
    case ':':
      return [Number(line), next]
    case '$':
      return parseBulk(bytes, next, Number(line))
    case '*':
      return parseArray(bytes, next, Number(line))
    default:
      return [line, next]
  }
}

function parseBulk(bytes: Buffer, at: number, length: number): Parsed | undefined {
  if (length < 0) return [null, at]
  return bytes.length < at + length + 2 ? undefined : [bytes.toString('utf8', at, at + length), at + length + 2]
}

function parseArray(bytes: Buffer, at: number, length: number): Parsed | undefined {
  const items: RedisReply[] = []
  let next = at
  for (let n = 0; n < length; n++) {
    const item = parseOne(bytes, next)
    if (item === undefined) return undefined
    items.push(item[0] instanceof Error ? item[0].message : item[0])
    next = item[1]
  }
  return [items, next]
}
