import type { Stats } from 'node:fs'
import { type FileHandle, constants } from 'node:fs/promises'
import { tailBefore } from './checkpoint.ts'
import { cannotSync, cannotWrite } from './file-problem.ts'
import type { Files } from './files.ts'

export interface OutputFileOptions {
  /** Where it stands, or will stand once it is renamed: for messages. */
  readonly name: string
  /** Permission bits of a file that is made here. Undefined: what the umask leaves of 0644. */
  readonly mode: number | undefined
}

/** A file that is open, and lines are appended to. */
export class OutputFile {
  readonly inode: string
  /** When it was last written before it was opened. */
  readonly modified: number
  /** Permission bits. */
  readonly mode: number
  readonly #name: string
  readonly #device: number
  readonly #handle: FileHandle
  /** Where the next line begins. */
  #length: number
  /** Whether it may be longer than that, after a write that failed. */
  #isRagged = false

  private constructor(handle: FileHandle, name: string, { ino, dev, size, mtimeMs, mode }: Stats) {
    this.inode = String(ino)
    this.modified = mtimeMs
    this.mode = mode & 0o777
    this.#device = dev
    this.#length = size
    this.#handle = handle
    this.#name = name
  }

  /** `isNew`: makes the file, or empties what is there. */
  static async open(
    files: Files,
    at: string,
    { name, mode, isNew }: OutputFileOptions & { isNew: boolean },
  ): Promise<OutputFile> {
    const flags = constants.O_RDWR | (isNew ? constants.O_CREAT | constants.O_TRUNC : 0)
    const handle = await files.open(at, flags, mode ?? 0o644)
    try {
      if (isNew && mode !== undefined) await handle.chmod(mode)
      return new OutputFile(handle, name, await handle.stat())
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  get length(): number {
    return this.#length
  }

  /** Writes all parts, one behind the other, or leaves the file as it was. */
  async append(parts: readonly Uint8Array[]): Promise<void> {
    let end = this.#length
    try {
      if (this.#isRagged) await this.#handle.truncate(this.#length)
      this.#isRagged = true
      for (let left = parts; left.length > 0;) {
        const written = await this.#write(left, end)
        left = behind(left, written)
        end += written
      }
      this.#isRagged = false
    } catch (error) {
      await this.#handle.truncate(this.#length).then(
        () => (this.#isRagged = false),
        () => undefined,
      )
      throw cannotWrite(this.#name, error)
    }
    this.#length = end
  }

  /** Returns how much of it was written, which may be less than all. */
  async #write(parts: readonly Uint8Array[], at: number): Promise<number> {
    const [first] = parts
    if (parts.length === 1) return (await this.#handle.write(first!, 0, first!.length, at)).bytesWritten
    return (await this.#handle.writev(parts, at)).bytesWritten
  }

  async cutTo(length: number): Promise<void> {
    if (length === this.#length) return
    try {
      await this.#handle.truncate(length)
    } catch (error) {
      throw cannotWrite(this.#name, error)
    }
    this.#length = length
  }

  async sync(): Promise<void> {
    try {
      await this.#handle.datasync()
    } catch (error) {
      throw cannotSync(this.#name, error)
    }
  }

  tailBefore(length: number): Promise<string> {
    return tailBefore(this.#handle, length)
  }

  async endsWithLine(): Promise<boolean> {
    if (this.#length === 0) return true
    const last = Buffer.alloc(1)
    await this.#handle.read(last, 0, 1, this.#length - 1)
    return last[0] === 0x0a
  }

  is({ ino, dev }: Stats): boolean {
    return String(ino) === this.inode && dev === this.#device
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** What is left of the parts behind the first `bytes`. */
function behind(parts: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes
  let done = 0
  while (done < parts.length && left >= parts[done]!.length) left -= parts[done++]!.length
  return left === 0 ? parts.slice(done) : [parts[done]!.subarray(left), ...parts.slice(done + 1)]
}
