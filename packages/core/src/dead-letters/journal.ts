import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { ConnectError, RetriableError, isConnectError } from '../api/errors.ts'
import { replaceDurably, syncFolder } from '../state/durable-file.ts'
import { acquireTaskLock, type TaskLock } from '../state/task-lock.ts'

/** How a letter failed again when it was replayed. */
export interface FailedAgain {
  readonly id: string
  readonly code: string
  readonly stage: string
  readonly message: string
}

/** What replays have made of a letter. */
export interface LetterMarks {
  /** When it reached the sink, or was filtered on purpose, in milliseconds since 1970. */
  readonly replayedMs: number | undefined
  /** How often a replay has tried it in vain. */
  readonly attempts: number
  readonly last: FailedAgain | undefined
}

/** One line of the file. A chunk begins, some of its letters fail, and it is done; a summary stands for what was. */
type Entry =
  | { readonly chunk: number; readonly key: string; readonly letters: readonly string[] }
  | { readonly chunk: number; readonly failed: readonly FailedAgain[] }
  | { readonly chunk: number; readonly doneMs: number }
  | { readonly chunk: number; readonly summary: readonly (readonly [string, LetterMarks])[] }

/** A chunk on its way. Its key is never used again, not even in another journal: a sink may remember it. */
export interface OpenChunk {
  readonly number: number
  readonly key: string
  readonly letters: readonly string[]
  readonly failed: readonly FailedAgain[]
}

const NO_MARKS: LetterMarks = { replayedMs: undefined, attempts: 0, last: undefined }

/** Which letters of a queue were replayed, as their journal says. */
export class Marks {
  readonly #marks = new Map<string, LetterMarks>()
  /** The chunk that was begun last and is not done: nobody but the sink knows whether it was written. */
  #open: OpenChunk | undefined
  #last = 0

  of(id: string): LetterMarks {
    return this.#marks.get(id) ?? NO_MARKS
  }

  get lastChunk(): number {
    return this.#last
  }

  get openChunk(): OpenChunk | undefined {
    return this.#open
  }

  take(entry: Entry): void {
    this.#last = Math.max(this.#last, entry.chunk)
    if ('summary' in entry) for (const [id, marks] of entry.summary) this.#marks.set(id, marks)
    else if ('letters' in entry)
      this.#open = { number: entry.chunk, key: entry.key, letters: entry.letters, failed: [] }
    else if (this.#open?.number !== entry.chunk) return
    else if ('failed' in entry) this.#open = { ...this.#open, failed: entry.failed }
    else this.#done(this.#open, entry.doneMs)
  }

  /** All that is known of these letters, and the chunk that is not done, whatever its letters. */
  summary(ids: ReadonlySet<string>): Entry[] {
    const entries: Entry[] = [{ chunk: this.#last, summary: [...this.#marks].filter(([id]) => ids.has(id)) }]
    if (this.#open === undefined) return entries
    const { number: chunk, key, letters, failed } = this.#open
    entries.push({ chunk, key, letters })
    if (failed.length > 0) entries.push({ chunk, failed })
    return entries
  }

  #done({ letters, failed }: OpenChunk, doneMs: number): void {
    const failures = new Map(failed.map((failure) => [failure.id, failure]))
    for (const id of letters) {
      const last = failures.get(id)
      const { attempts } = this.of(id)
      const marks =
        last === undefined
          ? { ...NO_MARKS, replayedMs: doneMs, attempts }
          : { ...NO_MARKS, attempts: attempts + 1, last }
      this.#marks.set(id, marks)
    }
    this.#open = undefined
  }
}

/** Looks at a journal without claiming it; nothing is marked where there is none. */
export async function readMarks(path: string): Promise<Marks> {
  const marks = new Marks()
  const text = await textOf(path)
  const lines = text.split('\n')
  // What is behind the last line end was cut short by a crash: it never counted.
  lines.pop()
  lines.forEach((line, i) => marks.take(entryOf(line, `${path}:${i + 1}`)))
  return marks
}

/**
 * Remembers durably what was replayed, so that nothing is replayed twice, whatever interrupts it. Held by one process
 * at a time: the one that replays or purges.
 */
export class ReplayJournal {
  readonly path: string
  readonly marks: Marks
  readonly #lock: TaskLock
  #file: FileHandle

  private constructor(path: string, lock: TaskLock, marks: Marks, file: FileHandle) {
    this.path = path
    this.#lock = lock
    this.marks = marks
    this.#file = file
  }

  /** Rejects with `STATE_LOCKED` where another process replays or purges this queue. */
  static async open(path: string): Promise<ReplayJournal> {
    const lock = await claim(path)
    try {
      const marks = await readMarks(path)
      return new ReplayJournal(path, lock, marks, await openAtLastLine(path))
    } catch (error) {
      await lock.release()
      throw isConnectError(error) ? error : unwritable(path, error)
    }
  }

  /** A chunk is about to be put into the sink. Numbers only grow; this one is above `after`. */
  async begin(letters: readonly string[], after: number): Promise<OpenChunk> {
    const chunk = Math.max(this.marks.lastChunk, after) + 1
    const key = randomUUID()
    await this.#append({ chunk, key, letters })
    return { number: chunk, key, letters, failed: [] }
  }

  /** Some letters of the chunk failed again; noted before the sink makes the others durable. */
  async failed({ number: chunk }: OpenChunk, failed: readonly FailedAgain[]): Promise<void> {
    if (failed.length > 0) await this.#append({ chunk, failed })
  }

  /** The sink has every other letter of the chunk durably. */
  done({ number: chunk }: OpenChunk, doneMs: number): Promise<void> {
    return this.#append({ chunk, doneMs })
  }

  /** Forgets all letters but these. */
  async compact(ids: ReadonlySet<string>): Promise<void> {
    await this.#file.close()
    const lines = this.marks.summary(ids).map((entry) => `${JSON.stringify(entry)}\n`)
    await replaceDurably(this.path, lines.join(''))
    this.#file = await open(this.path, 'a', 0o600)
  }

  async close(): Promise<void> {
    await this.#file.close()
    await this.#lock.release()
  }

  async #append(entry: Entry): Promise<void> {
    try {
      await this.#file.appendFile(`${JSON.stringify(entry)}\n`)
      await this.#file.datasync()
    } catch (error) {
      throw unwritable(this.path, error)
    }
    this.marks.take(entry)
  }
}

async function claim(path: string): Promise<TaskLock> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    return await acquireTaskLock(dirname(path), basename(path))
  } catch (error) {
    if (!isConnectError(error)) throw unwritable(path, error)
    throw new RetriableError('STATE_LOCKED', 'another process is replaying or purging these dead letters', {
      hint: 'let it finish, or stop it; what it has replayed is not replayed again',
      cause: error,
    })
  }
}

function unwritable(path: string, cause: unknown): ConnectError {
  return new ConnectError('STATE_UNWRITABLE', `can't write the journal ${path}: ${(cause as Error).message}`, {
    hint: 'make room or fix the permissions, then replay again: it goes on where it was',
    cause,
  })
}

/** Ready for the next entry: half a line that a crash left is cut off. */
async function openAtLastLine(path: string): Promise<FileHandle> {
  const whole = Buffer.byteLength((await textOf(path)).replace(/[^\n]*$/, ''))
  const file = await open(path, 'a', 0o600)
  await file.truncate(whole)
  await syncFolder(dirname(path))
  return file
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

function entryOf(line: string, place: string): Entry {
  try {
    const entry = JSON.parse(line) as Entry
    if (Number.isSafeInteger(entry.chunk)) return entry
  } catch {
    // Said below.
  }
  throw new ConnectError('STATE_UNREADABLE', `${place} is no entry of a journal of replays`, {
    hint: 'restore the journal; without it nobody knows what was replayed, and a replay would begin anew',
  })
}
