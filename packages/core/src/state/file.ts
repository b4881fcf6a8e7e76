import { createHash } from 'node:crypto'
import { mkdir, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ConnectError, RetriableError, isConnectError } from '../api/errors.ts'
import type { Positions } from '../api/record.ts'
import { crashPoint } from '../crash-points.ts'
import { replaceDurably } from './durable-file.ts'
import { type LedgerEntry, mergeLedger } from './ledger-entry.ts'
import { mergePositions } from './positions.ts'
import { readStateFile, stateText } from './state-file.ts'
import type { StateChanges, StateStore, StoredState, TaskState } from './state-store.ts'
import { type TaskLock, acquireTaskLock, holderOf } from './task-lock.ts'

const MAX_NAME_BYTES = 180

/** One JSON file for each task in the folder, which is made if it is missing. `now`: milliseconds since 1970. */
export function createFileStateStore(folder: string, now: () => number = Date.now): StateStore {
  const open = new Set<FileTaskState>()
  return {
    open: async (task) => {
      const state = await openTask(folder, task, { now, onClose: (closed) => open.delete(closed) })
      open.add(state)
      return state
    },
    read: (task) => readTask(folder, task),
    close: async () => {
      await Promise.all([...open].map((state) => state.close()))
    },
  }
}

interface Parent {
  readonly now: () => number
  readonly onClose: (state: FileTaskState) => void
}

async function openTask(folder: string, task: string, parent: Parent): Promise<FileTaskState> {
  const name = fileName(task)
  const path = join(folder, `${name}.json`)
  const lock = await claim(folder, name)
  crashPoint('state-claimed')
  try {
    await removeDrafts(folder, name)
    const stored = (await readStateFile(path, task)) ?? { task, positions: [], ledger: [], savedAtMs: parent.now() }
    return new FileTaskState({ ...parent, path, lock, stored })
  } catch (error) {
    await lock.release()
    throw isConnectError(error) ? error : unwritable(folder, error)
  }
}

async function readTask(folder: string, task: string): Promise<readonly StoredState[]> {
  const name = fileName(task)
  const slots = (await filesIn(folder)).flatMap((file) => {
    const slot = file.startsWith(`${name}%40`) ? /^(\d+)\.json$/.exec(file.slice(name.length + 3)) : null
    return slot === null ? [] : [Number(slot[1])]
  })
  const tasks = [task, ...slots.sort((a, b) => a - b).map((slot) => `${task}@${slot}`)]
  const states = await Promise.all(tasks.map((each) => readHeld(folder, each)))
  return states.filter((state) => state !== undefined)
}

async function readHeld(folder: string, task: string): Promise<StoredState | undefined> {
  const name = fileName(task)
  const stored = await readStateFile(join(folder, `${name}.json`), task)
  return stored === undefined ? undefined : { ...stored, heldBy: await holderOf(folder, name) }
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new ConnectError('STATE_UNREADABLE', `can't read the state in ${folder}: ${(error as Error).message}`, {
      hint: 'let this user read the folder',
      cause: error,
    })
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
  const slot = /@\d+$/.exec(task)?.[0] ?? ''
  const name = task.slice(0, task.length - slot.length)
  const safe = escaped(name)
  if (safe.length <= MAX_NAME_BYTES) return safe + escaped(slot)
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16)
  return `${safe.slice(0, MAX_NAME_BYTES)}-${hash}${escaped(slot)}`
}

function escaped(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replaceAll(/[^A-Za-z0-9_-]/g, escapeByte)
}

function escapeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`
}

interface OpenTask extends Parent {
  readonly path: string
  readonly lock: TaskLock
  readonly stored: StoredState
}

class FileTaskState implements TaskState {
  readonly #opened: OpenTask
  #stored: StoredState
  #last: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined
  /** The lock lives as long as its process: nobody takes a living task over. */
  readonly lost: AbortSignal = new AbortController().signal

  constructor(opened: OpenTask) {
    this.#opened = opened
    this.#stored = opened.stored
  }

  get positions(): Positions {
    return this.#stored.positions
  }

  get ledger(): readonly LedgerEntry[] {
    return this.#stored.ledger
  }

  /** One write at a time, in the order of the calls. */
  write(changes: StateChanges): Promise<void> {
    if (this.#closed !== undefined) {
      return Promise.reject(new ConnectError('STOPPED', `the state of ${this.#stored.task} is closed`))
    }
    const written = this.#last.then(() => this.#write(changes))
    this.#last = written.catch(() => {})
    return written
  }

  async #write(changes: StateChanges): Promise<void> {
    const { path, now } = this.#opened
    const stored = {
      task: this.#stored.task,
      positions: mergePositions(this.#stored.positions, changes.positions),
      ledger: mergeLedger(this.#stored.ledger, changes.ledger ?? []),
      savedAtMs: now(),
    }
    try {
      await replaceDurably(path, stateText(stored))
    } catch (error) {
      throw unwritable(path, error)
    }
    this.#stored = stored
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
