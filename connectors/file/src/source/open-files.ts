import { type FileHandle, open } from 'node:fs/promises'

/** Who may have a file open. */
export interface Opening {
  readonly path: string
  /** Its name may be gone: once closed it could not be opened again. */
  readonly keepOpen: boolean
}

/** Open files, at most so many: the one that was not used for the longest time makes room. */
export class OpenFiles {
  readonly #limit: number
  readonly #handles = new Map<Opening, FileHandle>()

  constructor(limit: number) {
    this.#limit = limit
  }

  has(file: Opening): boolean {
    return this.#handles.has(file)
  }

  async get(file: Opening): Promise<FileHandle> {
    const known = this.#handles.get(file)
    if (known !== undefined) {
      this.#handles.delete(file)
      this.#handles.set(file, known)
      return known
    }
    if (this.#handles.size >= this.#limit) await this.#makeRoom()
    const handle = await open(file.path, 'r')
    this.#handles.set(file, handle)
    return handle
  }

  async close(file: Opening): Promise<void> {
    const handle = this.#handles.get(file)
    this.#handles.delete(file)
    await handle?.close()
  }

  async closeAll(): Promise<void> {
    const handles = [...this.#handles.values()]
    this.#handles.clear()
    await Promise.all(handles.map((handle) => handle.close()))
  }

  async #makeRoom(): Promise<void> {
    let oldest: Opening | undefined
    for (const file of this.#handles.keys()) {
      oldest ??= file
      if (file.keepOpen) continue
      oldest = file
      break
    }
    if (oldest !== undefined) await this.close(oldest)
  }
}
