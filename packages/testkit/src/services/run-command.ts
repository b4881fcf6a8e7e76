import { spawn } from 'node:child_process'

export interface CommandOptions {
  readonly cwd?: string
  readonly input?: string
  /** Default: as long as it takes. */
  readonly timeoutMs?: number
}

/** Runs a program to its end and returns what it printed on standard output; a failure carries the end of its output. */
export function runCommand(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program = '', ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: options.cwd, timeout: options.timeoutMs, stdio: 'pipe' })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(stdout)
      else reject(new Error(`${program} ended with ${code ?? 'a signal'}:\n${(stdout + stderr).trim().slice(-3000)}`))
    })
    child.stdin.on('error', () => {}) // it may end without reading; its exit code tells
    child.stdin.end(options.input ?? '')
  })
}
