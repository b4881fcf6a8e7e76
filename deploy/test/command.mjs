import { spawn } from 'node:child_process'

/** Runs a program to its end, whatever its exit code is. */
export function outcome(command, { env = {}, cwd, timeoutMs = 300_000 } = {}) {
  const [program, ...args] = command
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { ...process.env, NO_COLOR: '1', ...env }, timeout: timeoutMs }
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Runs a program that has to end well, and returns what it printed on standard output. */
export async function run(command, options) {
  const { code, stdout, stderr } = await outcome(command, options)
  if (code === 0) return stdout
  throw new Error(`${command.join(' ')}\nended with ${code}\n${(stdout + stderr).trim().slice(-4000)}`)
}
