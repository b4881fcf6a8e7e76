import { type Clock, ConnectError, isRetriable } from '@connect-run/core'
import {
  type FailedAgain,
  type LetterMarks,
  Marks,
  type OpenChunk,
  type PurgeResult,
  type ReplayJournal,
  newChunk,
} from '@connect-run/core/runtime'
import type { Reply, StateConnection } from '../connection.ts'
import type { Wait } from '../wait.ts'
import type { Turn } from './turn.ts'

/**
 * Notes what becomes of a chunk, and what its letters are marked with, in one step and only for who has the turn. The
 * last note must be the one that the caller knows, besides: a failover may bring back a lock that was lost. The same
 * again changes nothing.
 * KEYS lock of the job, journal. ARGV token, last note as it is known, this one, how many fields go; those; fields and
 * values.
 */
const NOTE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'fenced'} end
local last = redis.call('HGET', KEYS[2], 'last') or ''
if last ~= ARGV[2] and last ~= ARGV[3] then return {'behind'} end
redis.call('HSET', KEYS[2], 'last', ARGV[3])
local first = 5 + tonumber(ARGV[4])
for i = 5, first - 1 do redis.call('HDEL', KEYS[2], ARGV[i]) end
for i = first, #ARGV, 1000 do redis.call('HSET', KEYS[2], unpack(ARGV, i, math.min(i + 999, #ARGV))) end
return {'done'}
`

/** KEYS as above. ARGV token, then letters. */
const FORGET = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'fenced'} end
for i = 2, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
return {'done'}
`

/** Fields of the hash that are no letters: these have no colon, and are longer than `last`. */
const LAST = 'last'
const OPEN = 'open:'
const PAGE = 1000
const RETRY_MS = 200

export interface JournalParts {
  readonly connection: StateConnection
  readonly key: string
  readonly turn: Turn
  /** What makes a note durable; undefined: nothing is waited for. */
  readonly wait: Wait | undefined
  /** How long a note is tried again where Redis can't take it, in milliseconds: then the turn is lost anyway. */
  readonly leaseMs: number
  readonly clock: Clock
}

/** A hash of what is known of each letter, the chunks that are not done, and the last note. */
export class RedisJournal implements ReplayJournal {
  readonly marks: Marks
  readonly #parts: JournalParts
  /** As it stands in Redis: number of the last chunk, and what was noted. */
  #last: string

  private constructor(parts: JournalParts, { marks, last }: StoredJournal) {
    this.#parts = parts
    this.marks = marks
    this.#last = last
  }

  /** After the turn was taken: by then nobody else writes it. */
  static async open(parts: JournalParts): Promise<RedisJournal> {
    return new RedisJournal(parts, await readJournal(parts.connection, parts.key))
  }

  async begin(letters: readonly string[], after: number): Promise<OpenChunk> {
    const chunk = newChunk(this.marks, letters, after)
    await this.#note(`${chunk.number} ${chunk.key} begun`, { set: [[OPEN + chunk.key, chunk]] })
    this.marks.take({ chunk: chunk.number, key: chunk.key, letters })
    return chunk
  }

  async failed(chunk: OpenChunk, failed: readonly FailedAgain[]): Promise<void> {
    if (failed.length === 0) return
    await this.#note(`${chunk.number} ${chunk.key} failed`, { set: [[OPEN + chunk.key, { ...chunk, failed }]] })
    this.marks.take({ chunk: chunk.number, failed })
  }

  async done({ number, key }: OpenChunk, doneMs: number): Promise<void> {
    const { marks, settled } = this.marks.outcome(number, doneMs)
    const remove = settled.map((chunk) => OPEN + chunk.key)
    await this.#note(`${this.marks.lastChunk} ${key} done`, { remove, set: marks })
    this.marks.take({ chunk: number, doneMs })
  }

  /** Only what was removed: there may be letters of the pipeline on other hosts too. */
  async forget({ gone, left }: PurgeResult): Promise<void> {
    const ids = [...gone].filter((id) => !left.has(id))
    for (let from = 0; from < ids.length; from += PAGE) await this.#run(FORGET, ids.slice(from, from + PAGE))
  }

  async close(): Promise<void> {
    await this.#parts.turn.close()
    this.#parts.connection.close()
  }

  async #note(note: string, { remove = [], set }: Changes): Promise<void> {
    const fields = set.flatMap(([field, value]) => [field, JSON.stringify(value)])
    await this.#run(NOTE, [this.#last, note, String(remove.length), ...remove, ...fields])
    this.#last = note
  }

  /** Again where Redis is away for a moment: a script may have run whose answer was lost, and runs again. */
  async #run(script: string, args: readonly string[]): Promise<void> {
    const { connection, turn, key, wait, leaseMs, clock } = this.#parts
    const deadline = clock.monotonic() + leaseMs
    for (;;) {
      try {
        const reply = await connection.run(script, [turn.lockKey, key], [turn.token, ...args], wait)
        return checkOutcome(reply, connection.location)
      } catch (error) {
        if (!isRetriable(error) || clock.monotonic() > deadline) throw error
        await clock.sleep(RETRY_MS)
      }
    }
  }
}

interface Changes {
  readonly remove?: readonly string[]
  readonly set: readonly (readonly [field: string, value: unknown])[]
}

export interface StoredJournal {
  readonly marks: Marks
  /** The last note; empty where there is none. */
  readonly last: string
}

export async function readJournal(connection: StateConnection, key: string): Promise<StoredJournal> {
  const marks = new Marks()
  let last = ''
  let cursor = '0'
  do {
    const page = await connection.call('HSCAN', key, cursor, 'COUNT', String(PAGE))
    const [next, fields] = page as readonly [string, readonly string[]]
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const [field, text] = [fields[i]!, fields[i + 1]!]
      if (field === LAST) last = text
      else takeField(marks, field, parsed(text, connection.location))
    }
    cursor = next
  } while (cursor !== '0')
  marks.take({ chunk: Number(last.split(' ', 1)[0]), summary: [] })
  return { marks, last }
}

function takeField(marks: Marks, field: string, value: unknown): void {
  if (!field.startsWith(OPEN)) return marks.take({ chunk: 0, summary: [[field, value as LetterMarks]] })
  const { number: chunk, key, letters, failed } = value as OpenChunk
  marks.take({ chunk, key, letters })
  marks.take({ chunk, failed })
}

function parsed(text: string, location: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ConnectError('STATE_UNREADABLE', `the journal of replays in Redis at ${location} can't be read`, {
      hint: 'restore it; without it nobody knows what was replayed, and a replay would begin anew',
      cause: error,
    })
  }
}

function checkOutcome(reply: Reply, location: string): void {
  const [outcome] = reply as readonly string[]
  if (outcome === 'done') return
  if (outcome === 'fenced') {
    throw new ConnectError('STATE_FENCED', 'these dead letters are no longer for this process to replay or purge', {
      hint: 'it was suspended, or cut off from Redis, for longer than `state.lease`; the same command goes on',
    })
  }
  throw new ConnectError(
    'STATE_FENCED',
    `the journal of replays in Redis at ${location} was taken back or overwritten`,
    {
      hint: 'Redis has lost what it had confirmed; the same command goes on with what is there',
    },
  )
}
