// What the scripts of this folder share: steps with a line each, commands whose output goes to a log.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's folder. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** For logs, results and stamps; ignored by git. */
export const cacheDir = join(root, '.cache')

export function say(line) {
  process.stdout.write(`${line}\n`)
}

export function complain(line) {
  process.stderr.write(`${line}\n`)
}

/** A failure that is told in its own words, without a stack. */
export class StepError extends Error {
  constructor(message, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

const HEARTBEAT_MS = 30_000
const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'

/** Runs `work` and prints one line with its outcome and time. While it runs: a spinner, or a sign of life in a pipe. */
export async function step(label, work) {
  const started = Date.now()
  const elapsed = () => `${((Date.now() - started) / 1000).toFixed(1)} s`
  const live = process.stdout.isTTY
  let frame = 0
  const tick = live
    ? () => process.stdout.write(`\r\x1b[K${FRAMES[frame++ % FRAMES.length]} ${label}  ${elapsed()}`)
    : () => say(`  … ${label}, ${elapsed()}`)
  if (live) tick()
  const timer = setInterval(tick, live ? 100 : HEARTBEAT_MS)
  const end = (mark) => {
    clearInterval(timer)
    say(`${live ? '\r\x1b[K' : ''}${mark} ${label}  ${elapsed()}`)
  }
  try {
    const result = await work()
    end('✓')
    return result
  } catch (error) {
    end('✗')
    throw error
  }
}

const children = new Set()
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => {
    if (children.size === 0 && process.listenerCount(signal) > 1) return // another listener has a use for it
    for (const child of children) child.kill('SIGTERM')
    process.exit(code)
  })
}

/** Runs a command in the repository's folder with its output in .cache/<name>.log; on failure shows the log's end. */
export async function runLogged(name, command, env = {}) {
  mkdirSync(cacheDir, { recursive: true })
  const file = join(cacheDir, `${name}.log`)
  const log = openSync(file, 'w')
  const [program, ...args] = command
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', log, log],
    env: { ...process.env, NO_COLOR: '1', ...env },
  })
  closeSync(log)
  children.add(child)
  const code = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', resolve)
  })
  children.delete(child)
  if (code === 0) return
  const output = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-60).join('\n')
  throw new StepError(`${command.join(' ')}\nfailed with ${code}; the end of ${file}:\n\n${output}`)
}

/** A program of node_modules. */
export function tool(name) {
  return join(root, 'node_modules', '.bin', name)
}

/** Runs a script's main function if it is the program, and makes its errors readable. */
export function runIfMain(url, main) {
  if (process.argv[1] !== fileURLToPath(url)) return
  Promise.resolve()
    .then(main)
    .catch((error) => {
      complain(error instanceof StepError ? `\n${error.message}` : error.stack)
      process.exit(error.exitCode ?? 1)
    })
}
