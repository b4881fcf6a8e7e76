import { type ChildProcess, spawn } from 'node:child_process'

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
}

/** Starts a command line in a process group of its own. */
export function startCommand(command: string, cwd: string, env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn('bash', ['-euc', command], {
    cwd,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...output }))
  })
  return { child, ended }
}

/** Runs a command line to its end; fails unless it ends well. */
export async function runCommand(command: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const outcome = await startCommand(command, cwd, env).ended
  if (outcome.code === 0) return outcome
  throw new Error(`${command}\nended with ${outcome.code}\n${outcome.stdout}\n${outcome.stderr}`)
}
