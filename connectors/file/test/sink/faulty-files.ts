import * as fs from 'node:fs'
import { linkSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import type { Files } from '../../src/sink/files.ts'

export type Operation = 'open' | 'write' | 'sync' | 'truncate' | 'rename' | 'unlink'

/** Decides whether a step fails: the code of the error, or undefined. */
export type Fault = (operation: Operation, file: string) => string | undefined

/**
 * A file system that may refuse any step, die at any step as with `kill -9`, and lose at that what was not synced as
 * with a power cut. Syncs are only taken note of, and what takes a system call is one, so that thousands of runs are cheap.
 */
export class FaultyFiles implements Files {
  readonly steps: string[] = []
  fault: Fault = () => undefined
  /** Dies at this step, counted from now. */
  diesIn = Infinity
  isDead = false
  /** Whether a write does only half of what it was asked for, as it may. */
  writesHalf = false
  readonly readFile = atOnce(fs.readFileSync) as Files['readFile']
  readdir = atOnce(fs.readdirSync) as Files['readdir']
  readonly realpath = atOnce(fs.realpathSync) as Files['realpath']
  readonly stat: Files['stat'] = atOnce((file) => fs.statSync(file))
  readonly open: Files['open']
  readonly rename: Files['rename']
  readonly unlink: Files['unlink']
  readonly #folder: string
  readonly #trash: string
  #trashed = 0
  /** By inode: how much of it is on the disk. */
  readonly #synced = new Map<number, number>()
  /** What undoes the changes of names that are not on the disk, the oldest first. */
  #undo: (() => void)[] = []

  constructor(folder: string) {
    this.#folder = folder
    this.#trash = `${folder}.trash`
    mkdirSync(this.#trash)
    this.open = (async (file: string, flags: string | number, mode?: number) => {
      this.#step('open', file)
      const isNew = !exists(file)
      const handle = await open(file, flags, mode)
      const { ino, size } = fs.fstatSync(handle.fd)
      if (isNew) this.#undo.push(() => rmSync(file, { force: true }))
      if (isNew) this.#synced.set(ino, 0)
      else this.#synced.set(ino, Math.min(size, this.#synced.get(ino) ?? size))
      return this.#faulty(handle, file, ino)
    }) as Files['open']
    this.rename = async (from, to) => {
      this.#step('rename', String(from))
      const [saved, replaced] = [this.#save(String(from))!, this.#save(String(to))]
      this.#undo.push(() => {
        renameSync(saved, String(from))
        if (replaced === undefined) rmSync(String(to), { force: true })
        else renameSync(replaced, String(to))
      })
      renameSync(from, to)
    }
    this.unlink = async (file) => {
      this.#step('unlink', String(file))
      const saved = this.#save(String(file))
      if (saved !== undefined) this.#undo.push(() => renameSync(saved, String(file)))
      fs.unlinkSync(file)
    }
  }

  /** Takes away what was not synced: of the names, all changes but the first `kept`, as a journal does. */
  cutPower(kept: number): void {
    for (const undo of this.#undo.slice(kept).toReversed()) undo()
    for (const name of readdirSync(this.#folder)) {
      const file = path.join(this.#folder, name)
      const { ino, size } = statSync(file)
      if (size > (this.#synced.get(ino) ?? size)) truncateSync(file, this.#synced.get(ino))
    }
  }

  /** The process is a new one. */
  revive(): void {
    this.isDead = false
    this.diesIn = Infinity
    this.#undo = []
  }

  close(): void {
    rmSync(this.#trash, { recursive: true, force: true })
  }

  #step(operation: Operation, file: string): void {
    if (this.isDead || this.diesIn-- <= 0) {
      this.isDead = true
      throw new Error('the process is dead')
    }
    this.steps.push(`${operation} ${path.basename(file)}`)
    const code = this.fault(operation, file)
    if (code !== undefined) throw Object.assign(new Error(`${code}: ${operation}`), { code })
  }

  #save(file: string): string | undefined {
    if (!exists(file)) return undefined
    const saved = path.join(this.#trash, String(this.#trashed++))
    linkSync(file, saved)
    return saved
  }

  #faulty(handle: FileHandle, file: string, ino: number): FileHandle {
    const isFolder = file === this.#folder
    const sync = async (): Promise<void> => {
      this.#step('sync', file)
      if (isFolder) this.#undo = []
      else this.#synced.set(ino, fs.fstatSync(handle.fd).size)
    }
    const { fd } = handle
    const writeAll = async (bytes: Buffer, from = 0, length = bytes.length - from, at: number | null = null) => {
      // A process that dies, and a disk that fills, leave a part behind.
      try {
        this.#step('write', file)
      } catch (error) {
        fs.writeSync(fd, bytes, from, Math.floor(length / 2), at)
        throw error
      }
      return { bytesWritten: fs.writeSync(fd, bytes, from, length, at) }
    }
    const write = (bytes: Buffer, from = 0, length = bytes.length - from, at: number | null = null) =>
      writeAll(bytes, from, this.writesHalf ? Math.ceil(length / 2) : length, at)
    const own: Partial<Record<string | symbol, unknown>> = {
      stat: atOnce(() => fs.fstatSync(fd)),
      read: async (...place: [Buffer, number, number, number]) => ({ bytesRead: fs.readSync(fd, ...place) }),
      sync,
      datasync: sync,
      write,
      writev: (parts: readonly Buffer[], at: number) => write(Buffer.concat(parts), 0, undefined, at),
      writeFile: async (text: string) => void (await writeAll(Buffer.from(text))),
      truncate: async (length: number) => {
        this.#step('truncate', file)
        fs.ftruncateSync(fd, length)
        this.#synced.set(ino, Math.min(length, this.#synced.get(ino) ?? length))
      },
    }
    return new Proxy(handle, {
      get: (target, name) => {
        const value: unknown = own[name] ?? Reflect.get(target, name, target)
        return typeof value === 'function' && own[name] === undefined ? (value.bind(target) as unknown) : value
      },
    })
  }
}

/** The same, with a promise. */
function atOnce<Args extends unknown[], Result>(work: (...args: Args) => Result): (...args: Args) => Promise<Result> {
  return async (...args) => work(...args)
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}
