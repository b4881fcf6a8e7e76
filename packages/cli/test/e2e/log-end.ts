import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'

/** What a record batch begins with: its first offset, its length from there on, and further on its last offset's distance. */
const BASE_OFFSET = 0
const LENGTH = 8
const LENGTH_FROM = 12
const LAST_OFFSET_DELTA = 23
const HEADER = 27

/**
 * Where a partition ends, by the log file of a broker on this machine: the moment that a batch lies there is known
 * without asking the broker. Format: https://kafka.apache.org/documentation/#recordbatch
 */
export class LogEnd {
  readonly #path: string
  readonly #header = Buffer.alloc(HEADER)
  #file: FileHandle | undefined
  #at = 0
  #end = 0

  /** `folder` is the broker's `log.dirs`. */
  constructor(folder: string, topic: string, partition = 0) {
    this.#path = join(folder, `${topic}-${partition}`, '00000000000000000000.log')
  }

  /** The next record's offset. */
  async offset(): Promise<number> {
    this.#file ??= await open(this.#path)
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#header, 0, HEADER, this.#at)
      if (bytesRead < HEADER) return this.#end
      this.#end = Number(this.#header.readBigInt64BE(BASE_OFFSET)) + this.#header.readInt32BE(LAST_OFFSET_DELTA) + 1
      this.#at += LENGTH_FROM + this.#header.readInt32BE(LENGTH)
    }
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }
}
