import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pollUntil } from '@connect-run/testkit'

const command = fileURLToPath(new URL('../../bin/connect-run.cjs', import.meta.url))

export interface WorkerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A `connect-run` process: the built command, as a user runs it. */
export interface WorkerProcess {
  readonly pid: number
  readonly exited: Promise<WorkerExit>
  /** Everything it has printed so far, both streams. */
  output(): string
  /** What it has printed on standard output so far. */
  stdout(): string
  kill(signal: NodeJS.Signals): void
  /** Resident memory in MiB. */
  memoryMiB(): number
}

/** A folder of its own with config files in it, and the workers started there; `close` ends and removes them. */
export interface Workplace {
  readonly folder: string
  write(name: string, text: string): Promise<string>
  start(args: readonly string[], env?: Readonly<Record<string, string>>): WorkerProcess
  close(): Promise<void>
}

export async function workplace(): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), 'connect-run-e2e-'))
  const running: WorkerProcess[] = []
  return {
    folder,
    async write(name, text) {
      const path = join(folder, name)
      await writeFile(path, text)
      return path
    },
    start(args, env = {}) {
      const child = spawn(process.execPath, [command, ...args], {
        cwd: folder,
        env: { ...process.env, NO_COLOR: '1', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const worker = watch(child)
      running.push(worker)
      return worker
    },
    async close() {
      for (const worker of running) worker.kill('SIGKILL')
      await Promise.all(running.map((worker) => worker.exited))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function watch(child: ChildProcess): WorkerProcess {
  const printed: string[] = []
  const onStdout: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => {
    onStdout.push(chunk)
    printed.push(chunk.toString())
  })
  child.stderr?.on('data', (chunk: Buffer) => printed.push(chunk.toString()))
  const exited = new Promise<WorkerExit>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  return {
    pid: child.pid!,
    exited,
    output: () => printed.join(''),
    stdout: () => Buffer.concat(onStdout).toString(),
    kill: (signal) => void child.kill(signal),
    memoryMiB: () => {
      const status = readFileSync(`/proc/${child.pid!}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
    },
  }
}

/** Waits for the exit and says what was printed if it is not the one expected. */
export async function expectExit(worker: WorkerProcess, code: number, timeoutMs = 120_000): Promise<void> {
  const late = new Promise<WorkerExit>((resolve) => {
    setTimeout(() => resolve({ code: null, signal: null }), timeoutMs).unref()
  })
  const exit = await Promise.race([worker.exited, late])
  if (exit.code === code) return
  throw new Error(`exit ${String(exit.code)} ${String(exit.signal)}, expected ${code}; it printed:\n${worker.output()}`)
}

/** Waits until the condition holds; what the worker printed is in the error if it does not. */
export async function whileRunning(
  worker: WorkerProcess,
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 60_000,
): Promise<void> {
  try {
    await pollUntil(condition, { timeoutMs, intervalMs: 20, what })
  } catch (error) {
    throw new Error(`${String(error)}; the worker printed:\n${worker.output().slice(-4000)}`, { cause: error })
  }
}
