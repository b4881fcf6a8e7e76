import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { ConnectError, RetriableError, isConnectError } from '../api/errors.ts'
import { replaceDurably, syncFolder } from '../state/durable-file.ts'
import { acquireTaskLock, type TaskLock } from '../state/task-lock.ts'
import { type JournalPlace, type ReplayJournal, newChunk } from './journal.ts'
import { type FailedAgain, type JournalEntry, Marks, type OpenChunk } from './marks.ts'
import type { PurgeResult } from './purge.ts'

/** A journal in a file of this host. */
export function fileJournal(path: string): JournalPlace {
  return { location: path, read: () => readMarks(path), open: () => FileJournal.open(path) }
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

/** One line of JSON for each entry, each synced before it counts. */
export class FileJournal implements ReplayJournal {
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
  static async open(path: string): Promise<FileJournal> {
    const lock = await claim(path)
    try {
      const marks = await readMarks(path)
      return new FileJournal(path, lock, marks, await openAtLastLine(path))
    } catch (error) {
      await lock.release()
      throw isConnectError(error) ? error : unwritable(path, error)
    }
  }

  async begin(letters: readonly string[], after: number): Promise<OpenChunk> {
    const chunk = newChunk(this.marks, letters, after)
    await this.#append({ chunk: chunk.number, key: chunk.key, letters })
    return chunk
  }

  async failed({ number: chunk }: OpenChunk, failed: readonly FailedAgain[]): Promise<void> {
    if (failed.length > 0) await this.#append({ chunk, failed })
  }

  done({ number: chunk }: OpenChunk, doneMs: number): Promise<void> {
    return this.#append({ chunk, doneMs })
  }

  /** Forgets all letters but those that are left. */
  async forget({ left }: PurgeResult): Promise<void> {
    await this.#file.close()
    const lines = this.marks.summary(left).map((entry) => `${JSON.stringify(entry)}\n`)
    await replaceDurably(this.path, lines.join(''))
    this.#file = await open(this.path, 'a', 0o600)
  }

  async close(): Promise<void> {
    await this.#file.close()
    await this.#lock.release()
  }

  async #append(entry: JournalEntry): Promise<void> {
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

function entryOf(line: string, place: string): JournalEntry {
  try {
    const entry = JSON.parse(line) as JournalEntry
    if (Number.isSafeInteger(entry.chunk)) return entry
  } catch {
    // Said below.
  }
  throw new ConnectError('STATE_UNREADABLE', `${place} is no entry of a journal of replays`, {
    hint: 'restore the journal; without it nobody knows what was replayed, and a replay would begin anew',
  })
}
