import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { guard } from '../services/service-process.ts'
import { killNow, suspension } from '../faults/process.ts'

export interface WorkerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last lines that it printed. */
  readonly output: string
}

const TAIL = 20_000
const LAST_LINES = 12

/** A worker in a process of its own that is started again whenever it has ended, as a supervisor does. */
export class SupervisedWorker {
  readonly #command: readonly string[]
  readonly #cwd: string
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #onOwnExit: (exit: WorkerExit) => void
  #child: ChildProcess | undefined
  #exited: Promise<WorkerExit> | undefined
  #wanted = true
  #killed = false
  #output = ''

  /** `onOwnExit` hears of ends that nobody asked for; the worker is started again afterwards. */
  constructor(options: {
    readonly command: readonly string[]
    readonly cwd: string
    readonly env: Readonly<Record<string, string | undefined>>
    readonly onOwnExit: (exit: WorkerExit) => void
  }) {
    this.#command = options.command
    this.#cwd = options.cwd
    this.#env = options.env
    this.#onOwnExit = options.onOwnExit
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** The last lines of what all its lives have printed. */
  get output(): string {
    return this.#output.trimEnd().split('\n').slice(-LAST_LINES).join('\n')
  }

  start(): void {
    const [program = '', ...args] = this.#command
    // In a group of its own, so that Ctrl-C reaches it through its owner only, without which it does not live.
    const options = { cwd: this.#cwd, env: { ...this.#env }, detached: true } as const
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    const release = child.pid === undefined ? undefined : guard(child.pid)
    this.#killed = false
    const take = (chunk: Buffer): void => void (this.#output = (this.#output + chunk.toString()).slice(-TAIL))
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    this.#child = child
    this.#exited = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => resolve({ code, signal, output: this.output }))
    })
    void this.#exited.then((exit) => this.#ended(exit)).finally(release)
  }

  /** Kills it with `kill -9`; resolves when its successor has been started. */
  async kill(): Promise<void> {
    const { pid } = this
    if (pid === undefined) return
    this.#killed = true
    this.#output += '\n--- kill -9\n'
    killNow(pid)
    await this.#exited
  }

  /** It goes on where it was after the time, or when the signal comes. */
  async suspend(forMs: number, signal: AbortSignal): Promise<void> {
    const fault = suspension(() => this.pid)
    await fault.on()
    await delay(forMs, undefined, { signal }).catch(() => undefined)
    await fault.off()
  }

  /** Asks it to end and does not start it again; kills it after `graceMs`. */
  async stop(graceMs: number): Promise<WorkerExit> {
    this.#wanted = false
    const { pid } = this
    if (pid === undefined) return { code: 0, signal: null, output: this.output }
    this.#child?.kill('SIGTERM')
    const timer = setTimeout(() => killNow(pid), graceMs)
    const exit = await this.#exited!
    clearTimeout(timer)
    return exit
  }

  #ended(exit: WorkerExit): void {
    this.#child = undefined
    if (!this.#wanted) return
    if (!this.#killed) this.#onOwnExit(exit)
    if (this.#wanted) this.start()
  }

  /** It is not started again; for `onOwnExit`. */
  giveUp(): void {
    this.#wanted = false
  }
}
