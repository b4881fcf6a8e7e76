import { Writable } from 'node:stream'

import { type Style, styleFor } from './style.ts'

/** A stream as far as output needs it; `process.stdout` is one. */
export interface OutputStream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/**
 * Where a command writes. On a terminal the last lines may be live: they are redrawn in place, and whatever is
 * written meanwhile appears above them.
 */
export class Screen {
  readonly style: Style
  readonly isTerminal: boolean
  readonly #stream: OutputStream
  #live: readonly string[] = []

  constructor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream
    this.isTerminal = stream.isTTY === true && env['TERM'] !== 'dumb'
    this.style = styleFor(this.isTerminal, env)
  }

  get columns(): number {
    // A pseudo-terminal without a size says 0.
    return this.#stream.columns || 80
  }

  /** Writes text that stays. It should end its last line. */
  write(text: string): void {
    this.#stream.write(this.#erase() + text + this.#draw())
  }

  line(text = ''): void {
    this.write(`${text}\n`)
  }

  /** Replaces the live lines; none takes them away. Lines must not be wider than the terminal. */
  setLive(lines: readonly string[]): void {
    const erase = this.#erase()
    this.#live = lines
    this.#stream.write(erase + this.#draw())
  }

  /** The same as a stream, for a logger: it writes whole lines, and colours them where the screen is a terminal. */
  asStream(): NodeJS.WritableStream {
    const stream = new Writable({
      decodeStrings: false,
      write: (chunk: string | Buffer, _encoding, done) => {
        this.write(chunk.toString())
        done()
      },
    })
    return Object.assign(stream, { isTTY: this.isTerminal })
  }

  /** Lets the live lines stay where they are. */
  release(): void {
    this.#live = []
  }

  #erase(): string {
    return this.#live.length === 0 ? '' : `\u001B[${this.#live.length}A\r\u001B[J`
  }

  #draw(): string {
    return this.#live.map((line) => `${line}\n`).join('')
  }
}
