import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs'
import type { Socket } from 'node:net'
import { pollUntil } from '../poll-until.ts'
import { groupMembers } from './process-group.ts'
import { standstill } from './standstill.ts'

/** How to run a server, what tells that it is ready, and where its output goes. */
export interface ServiceSpec {
  /** For messages: `kafka 3.9.1 broker 1`. */
  readonly name: string
  readonly command: readonly string[]
  readonly logFile: string
  /** True once the server answers. `log` is what this run has printed so far. */
  readonly ready: (log: string) => boolean | Promise<boolean>
  /** Default 90,000. */
  readonly readyTimeoutMs?: number
  /** The scratch folder to remove should the process that owns the server die. */
  readonly scratch?: string
  /** Runs as this user and group; only root may ask for another than its own. */
  readonly user?: number
  /** The command starts other processes: signals go to all of its process group, and it has ended when they all have. */
  readonly isGroup?: boolean
  /** Set when the command runs a container: signals go to it by name. */
  readonly container?: { readonly engine: string; readonly name: string }
}

interface Running {
  readonly pid: number
  /** Resolves when it has ended. Only who waits for that keeps this process alive for the server's sake. */
  ended(): Promise<void>
}

/**
 * A server on this machine that can be stopped, killed, paused and started again with the data and ports it had.
 * It runs in a process group of its own, so that Ctrl-C reaches it only through its owner, and it never outlives its
 * owner: a guard kills it when the owner ends, however that happens.
 */
export class ServiceProcess {
  readonly #spec: ServiceSpec
  #running: Running | undefined

  constructor(spec: ServiceSpec) {
    this.#spec = spec
  }

  get pid(): number | undefined {
    return this.#running?.pid
  }

  /** Resolves when the server answers. Starting a running server does nothing. */
  async start(): Promise<void> {
    if (this.#running) return
    const { name, logFile, ready, readyTimeoutMs = 90_000 } = this.#spec
    const begin = existsSync(logFile) ? statSync(logFile).size : 0
    const printed = (): string => readFileSync(logFile).subarray(begin).toString()
    const running = this.#spawn()
    this.#running = running
    try {
      await pollUntil(() => this.#running !== running || ready(printed()), { timeoutMs: readyTimeoutMs, what: name })
    } catch (cause) {
      await this.kill()
      throw new Error(`${name} is not ready after ${readyTimeoutMs} ms; it printed:\n${tail(printed())}`, { cause })
    }
    if (this.#running !== running) throw new Error(`${name} ended at once; it printed:\n${tail(printed())}`)
  }

  /** Asks it to end, and kills it if it is still there after `graceMs` (default 30,000). */
  async stop(graceMs = 30_000): Promise<void> {
    const running = this.#running
    if (!running) return
    await this.#signal('TERM')
    const timer = setTimeout(() => void this.#signal('KILL'), graceMs)
    await running.ended()
    clearTimeout(timer)
  }

  /** Ends it at once, as `kill -9` does. */
  async kill(): Promise<void> {
    const running = this.#running
    if (!running) return
    await this.#signal('KILL')
    await running.ended()
  }

  /** Freezes it: it accepts connections (the kernel does) and answers nothing. Ends when every thread stands still. */
  async pause(): Promise<void> {
    await this.#signal('STOP')
    const pid = this.#running?.pid
    if (pid === undefined || this.#spec.container) return
    const pids = this.#spec.isGroup ? await groupMembers(pid) : [pid]
    await Promise.all(pids.map(standstill))
  }

  async resume(): Promise<void> {
    await this.#signal('CONT')
  }

  #spawn(): Running {
    const { command, logFile, user, isGroup = false } = this.#spec
    const [program = '', ...args] = command
    const log = openSync(logFile, 'a')
    const identity = user === undefined ? {} : { uid: user, gid: user }
    const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true, ...identity })
    closeSync(log)
    child.unref()
    const release = child.pid === undefined ? undefined : guard(child.pid, this.#spec)
    const exited = new Promise<void>((resolve) => {
      const end = async (): Promise<void> => {
        if (isGroup && child.pid !== undefined) await groupEnd(child.pid)
        release?.()
        this.#running = undefined
        resolve()
      }
      child.once('exit', () => void end())
      child.once('error', () => void end())
    })
    return { pid: child.pid ?? 0, ended: () => (child.ref(), exited) }
  }

  async #signal(signal: 'TERM' | 'KILL' | 'STOP' | 'CONT'): Promise<void> {
    const { container, isGroup } = this.#spec
    const pid = this.#running?.pid
    if (pid === undefined || pid === 0) return
    if (!container) {
      process.kill(isGroup ? -pid : pid, `SIG${signal}`)
      return
    }
    const sent = spawn(container.engine, ['kill', '--signal', signal, container.name], { stdio: 'ignore' })
    await new Promise((resolve) => sent.once('close', resolve))
  }
}

/** A shell that waits for its input to close, which happens when this process ends, and then cleans up after it. */
export function guard(pid: number, spec: Pick<ServiceSpec, 'container' | 'isGroup' | 'scratch'> = {}): () => void {
  const victim = spec.isGroup ? `-- -${pid}` : pid
  const kill = spec.container ? `'${spec.container.engine}' rm -f '${spec.container.name}'` : `kill -s KILL ${victim}`
  const clean = spec.scratch ? 'rm -rf -- "$1"' : ':'
  const shell = spawn('/bin/sh', ['-c', `read _; ${kill}; ${clean}`, 'guard', spec.scratch ?? ''], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  shell.unref()
  ;(shell.stdin as unknown as Socket).unref()
  shell.on('error', () => {})
  return () => shell.kill('SIGKILL')
}

/** Waits until no process of a group is left, as long as an orderly end may take; then it is ended. */
async function groupEnd(group: number): Promise<void> {
  const isGone = async (): Promise<boolean> => (await groupMembers(group)).length === 0
  await pollUntil(isGone, { what: `the end of process group ${group}` }).catch(() => process.kill(-group, 'SIGKILL'))
}

function tail(log: string): string {
  return log.trimEnd().split('\n').slice(-40).join('\n')
}
