import { createHash } from 'node:crypto'
import { mkdir, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ConnectError, RetriableError, isConnectError } from '../api/errors.ts'
import type { Positions } from '../api/record.ts'
import { replaceDurably } from './durable-file.ts'
import { mergePositions } from './positions.ts'
import { readStateFile, stateText } from './state-file.ts'
import type { StateStore, TaskState } from './state-store.ts'
import { type TaskLock, acquireTaskLock } from './task-lock.ts'

const MAX_NAME_BYTES = 180

/** One JSON file for each task in the folder, which is made if it is missing. */
export function createFileStateStore(folder: string): StateStore {
  const open = new Set<FileTaskState>()
  return {
    open: async (task) => {
      const state = await openTask(folder, task, (closed) => open.delete(closed))
      open.add(state)
      return state
    },
    close: async () => {
      await Promise.all([...open].map((state) => state.close()))
    },
  }
}

async function openTask(folder: string, task: string, onClose: (state: FileTaskState) => void): Promise<FileTaskState> {
  const name = fileName(task)
  const path = join(folder, `${name}.json`)
  const lock = await claim(folder, name)
  try {
    await removeDrafts(folder, name)
    return new FileTaskState({ path, task, lock, onClose, positions: await readStateFile(path, task) })
  } catch (error) {
    await lock.release()
    throw isConnectError(error) ? error : unwritable(folder, error)
  }
}

async function claim(folder: string, name: string): Promise<TaskLock> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return await acquireTaskLock(folder, name)
  } catch (error) {
    throw isConnectError(error) ? error : unwritable(folder, error)
  }
}

/** What a crash left behind. Only the holder of the task's lock writes drafts of its state. */
async function removeDrafts(folder: string, name: string): Promise<void> {
  const drafts = (await readdir(folder)).filter((file) => file === `${name}.json.tmp`)
  for (const draft of drafts) await unlink(join(folder, draft))
}

/** A safe file name for any task: other characters as %XX, long names cut and told apart by their hash. */
function fileName(task: string): string {
  const safe = Buffer.from(task, 'utf8')
    .toString('latin1')
    .replaceAll(/[^A-Za-z0-9_-]/g, escapeByte)
  if (safe.length <= MAX_NAME_BYTES) return safe
  return `${safe.slice(0, MAX_NAME_BYTES)}-${createHash('sha256').update(task).digest('hex').slice(0, 16)}`
}

function escapeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`
}

interface OpenTask {
  readonly path: string
  readonly task: string
  readonly lock: TaskLock
  readonly positions: Positions
  readonly onClose: (state: FileTaskState) => void
}

class FileTaskState implements TaskState {
  readonly #opened: OpenTask
  #positions: Positions
  #last: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  constructor(opened: OpenTask) {
    this.#opened = opened
    this.#positions = opened.positions
  }

  get positions(): Positions {
    return this.#positions
  }

  /** One write at a time, in the order of the calls. */
  write(positions: Positions): Promise<void> {
    if (this.#closed !== undefined) {
      return Promise.reject(new ConnectError('STOPPED', `the state of ${this.#opened.task} is closed`))
    }
    const written = this.#last.then(() => this.#write(positions))
    this.#last = written.catch(() => {})
    return written
  }

  async #write(changes: Positions): Promise<void> {
    const { path, task } = this.#opened
    const positions = mergePositions(this.#positions, changes)
    try {
      await replaceDurably(path, stateText(task, positions))
    } catch (error) {
      throw unwritable(path, error)
    }
    this.#positions = positions
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#last
    this.#opened.onClose(this)
    try {
      await this.#opened.lock.release()
    } catch (error) {
      throw unwritable(this.#opened.path, error)
    }
  }
}

function unwritable(path: string, cause: unknown): RetriableError {
  return new RetriableError('STATE_UNWRITABLE', `can't write state to ${path}: ${(cause as Error).message}`, {
    hint: 'free space on the disk, or let this user write to the folder; positions stay where they are until then',
    cause,
  })
}
