import type { RedisClient } from '../connection.ts'

/**
 * Takes up room for as many jobs as there is, in their order; what has room already takes none.
 * KEYS sizes by job, sum of them. ARGV most jobs, most bytes, beginning of the keys of jobs, then id and size of each.
 * -> jobs with room, ids of those that are there already.
 */
const RESERVE = `
local count = redis.call('HLEN', KEYS[1])
local bytes = tonumber(redis.call('GET', KEYS[2]) or '0')
local fitting, added, known = 0, 0, {}
for i = 4, #ARGV, 2 do
  local id, size = ARGV[i], tonumber(ARGV[i + 1])
  if redis.call('HEXISTS', KEYS[1], id) == 0 then
    if count + 1 > tonumber(ARGV[1]) or bytes + added + size > tonumber(ARGV[2]) then break end
    redis.call('HSET', KEYS[1], id, size)
    count = count + 1
    added = added + size
  end
  fitting = fitting + 1
  if redis.call('EXISTS', ARGV[3] .. id) == 1 then known[#known + 1] = id end
end
if added > 0 then redis.call('INCRBY', KEYS[2], added) end
return {fitting, known}
`

/** Gives room back. KEYS as above. ARGV ids. The first write takes no memory: it goes through where there is none left. */
const RELEASE = `
local freed = 0
for i = 1, #ARGV do
  local size = redis.call('HGET', KEYS[1], ARGV[i])
  if size and redis.call('HDEL', KEYS[1], ARGV[i]) == 1 then freed = freed + tonumber(size) end
end
if freed > 0 then redis.call('DECRBY', KEYS[2], freed) end
return freed
`

/** A part of the ids that take up room for no job. KEYS sizes. ARGV cursor, beginning of the keys of jobs. -> cursor, ids. */
const ORPHANS = `
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
local orphans = {}
for i = 1, #page[2], 2 do
  if redis.call('EXISTS', ARGV[2] .. page[2][i]) == 0 then orphans[#orphans + 1] = page[2][i] end
end
return {page[1], orphans}
`

export interface Sized {
  readonly id: string
  readonly bytes: number
}

/** How many jobs of a queue there may be, and of how many bytes, whoever of several workers adds them. */
export class Bounds {
  readonly #client: RedisClient
  readonly #keys: readonly [string, string]
  /** Beginning of the keys of the jobs. */
  readonly #jobs: string
  /** Room without a job the last time: its job may have been on its way then, and is not any more. */
  #suspects: ReadonlySet<string> = new Set()

  /** `root`: of the task's keys. */
  constructor(client: RedisClient, { root, jobs }: { readonly root: string; readonly jobs: string }) {
    this.#client = client
    this.#keys = [`${root}:parked-sizes`, `${root}:parked-bytes`]
    this.#jobs = jobs
  }

  /** How many of the jobs, from the first, have room now, and which of these are there already. */
  async reserve(
    jobs: readonly Sized[],
    { maxRecords, maxBytes }: { readonly maxRecords: number; readonly maxBytes: number },
  ): Promise<{ readonly fitting: number; readonly known: readonly string[] }> {
    const each = jobs.flatMap(({ id, bytes }) => [id, bytes])
    const reply = await this.#client.eval(RESERVE, 2, ...this.#keys, maxRecords, maxBytes, this.#jobs, ...each)
    const [fitting, known] = reply as [number, string[]]
    return { fitting, known }
  }

  async release(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#client.eval(RELEASE, 2, ...this.#keys, ...ids)
  }

  /** Gives back room that a crash has left taken up. Needs two looks, some time apart. */
  async sweep(): Promise<void> {
    const orphans: string[] = []
    let cursor = '0'
    do {
      const reply = await this.#client.eval(ORPHANS, 1, this.#keys[0], cursor, this.#jobs)
      const [next, found] = reply as [string, string[]]
      orphans.push(...found)
      cursor = next
    } while (cursor !== '0')
    const sure = orphans.filter((id) => this.#suspects.has(id))
    this.#suspects = new Set(orphans)
    for (let from = 0; from < sure.length; from += 500) await this.release(sure.slice(from, from + 500))
  }
}
