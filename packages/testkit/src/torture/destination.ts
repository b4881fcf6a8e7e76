import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { SequenceCheck, placeIn } from './sequence.ts'
import { TopicTail } from './topic-tail.ts'

/** Where a sink writes, read back without the sink. */
export interface Destination {
  /** What to set in the options of the pipeline's sink; undefined takes an option away. */
  readonly sink: Readonly<Record<string, unknown>>
  /** Any number that changes when the sink has written; cheap. Rejects while the destination is down. */
  progress(): Promise<number>
  /** For people, where nothing moves any more. */
  describe?(): Promise<string>
  /** Everything that is there now. */
  readBack(): Promise<SequenceCheck>
  close(): Promise<void>
}

/** Follows a topic with `read_committed`, so that what is in open and aborted transactions does not count. */
export async function kafkaDestination(bootstrap: string, topic: string): Promise<Destination> {
  const check = new SequenceCheck()
  const tail = new TopicTail(bootstrap, topic, ({ value, partition }) => {
    check.saw(placeIn(value?.toString() ?? ''), `partition ${partition}`)
  })
  await tail.open()
  return {
    sink: { brokers: bootstrap, topic, createTopic: undefined },
    progress: () => Promise.resolve(tail.read),
    readBack: async () => {
      await tail.caughtUp()
      return check
    },
    describe: () => tail.describe(),
    close: () => tail.close(),
  }
}

/** A file and those that it was rotated into, in the order of their lines. */
export function fileDestination(folder: string): Destination {
  const path = join(folder, 'out.jsonl')
  const files = async (): Promise<string[]> => {
    const name = basename(path)
    const names = (await readdir(dirname(path))).filter((each) =>
      /^\.\d+(\.gz|\.waiting)?$/.test(each.slice(name.length)),
    )
    const rotated = names.filter((each) => each.startsWith(name)).sort((one, other) => one.localeCompare(other))
    return [...rotated, name].map((each) => join(folder, each))
  }
  return {
    sink: { path },
    progress: async () => {
      const sizes = await Promise.all((await files()).map((file) => stat(file).catch(() => ({ size: 0 }))))
      return sizes.reduce((sum, { size }) => sum + size, 0)
    },
    readBack: async () => {
      const check = new SequenceCheck()
      for (const file of await files()) await readLines(file, check, basename(path))
      return check
    },
    close: async () => {},
  }
}

/** The files of a rotation are one sequence: they carry one name. */
async function readLines(file: string, check: SequenceCheck, name: string): Promise<void> {
  if ((await stat(file).catch(() => undefined)) === undefined) return
  const bytes = createReadStream(file)
  const input = file.endsWith('.gz') ? bytes.pipe(createGunzip()) : bytes
  for await (const line of createInterface({ input, crlfDelay: Infinity })) check.saw(placeIn(line), name)
}

export interface CnosdbDestinationOptions {
  /** Where this reads; the sink may go another way, see `sinkUrl`. */
  readonly url: string
  readonly sinkUrl: string
  readonly database: string
  readonly table: string
  readonly username?: string
  readonly password?: string
}

/** Rows have no order; a second row of a record is a double. */
export function cnosdbDestination(options: CnosdbDestinationOptions): Destination {
  const { table } = options
  return {
    sink: { url: options.sinkUrl, table, preset: undefined },
    progress: async () => Number(/:\s*(\d+)/.exec(await ask(options, `select count(*) from ${table}`))?.[1] ?? 0),
    readBack: async () => {
      const check = new SequenceCheck()
      const rows = await ask(options, `select * from ${table}`)
      for (const row of rows.split('\n')) if (row !== '') check.saw(placeIn(row), undefined)
      return check
    },
    close: async () => void (await ask(options, `drop table ${table}`)),
  }
}

async function ask(options: CnosdbDestinationOptions, sql: string): Promise<string> {
  const { url, database, username = 'root', password = '' } = options
  const credentials = Buffer.from(`${username}:${password}`).toString('base64')
  const headers = { authorization: `Basic ${credentials}`, accept: 'application/nd-json' }
  const answer = await fetch(`${url}/api/v1/sql?db=${encodeURIComponent(database)}`, {
    method: 'POST',
    headers,
    body: sql,
  })
  const text = await answer.text()
  if (answer.ok) return text
  // There is no table before the first write.
  if (text.includes('030019') || /table not found/i.test(text)) return ''
  throw new Error(`${sql}: ${answer.status} ${text.slice(0, 500)}`)
}
