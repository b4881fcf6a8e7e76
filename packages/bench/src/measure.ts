import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** What a command and all its descendants cost. */
export interface Cost {
  readonly exitCode: number
  /** Seconds since 1970: right before the start, right after the end. */
  readonly startedAt: number
  readonly endedAt: number
  readonly userSeconds: number
  readonly systemSeconds: number
  /** Of the largest process. */
  readonly peakRssBytes: number
}

export interface MeasureOptions {
  readonly command: readonly string[]
  /** Without an extension: what the command prints goes to `<base>.log`. */
  readonly base: string
  /** Takes what the command prints on standard output, instead of the log. */
  readonly onOutput?: (chunk: Buffer) => void
  readonly timeoutMs: number
}

const wrapper = fileURLToPath(new URL('../bin/measure.py', import.meta.url))

/** Runs a command to its end. Throws, with the end of its log, unless it ends by itself with code 0. */
export async function measure({ command, base, onOutput, timeoutMs }: MeasureOptions): Promise<Cost> {
  const result = `${base}.cost.json`
  await rm(result, { force: true })
  const log = openSync(`${base}.log`, 'w')
  const child = spawn('python3', [wrapper, result, ...command], { stdio: ['ignore', onOutput ? 'pipe' : log, log] })
  closeSync(log)
  if (onOutput) child.stdout!.on('data', onOutput)
  const timedOut = await untilClosed(child, timeoutMs)
  if (timedOut) throw await failure(`${command.join(' ')}\nhas not ended after ${timeoutMs / 1000} s`, base)
  const cost = await readCost(result)
  if (cost?.exitCode !== 0)
    throw await failure(`${command.join(' ')}\nended with ${cost?.exitCode ?? 'a signal'}`, base)
  return cost
}

async function readCost(file: string): Promise<Cost | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Cost
  } catch {
    return undefined
  }
}

function untilClosed(child: ChildProcess, timeoutMs: number): Promise<boolean> {
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    child.kill() // the wrapper ends the command first
  }, timeoutMs)
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('close', () => {
      clearTimeout(timer)
      resolve(timedOut)
    })
  })
}

async function failure(message: string, base: string): Promise<Error> {
  const log = await readFile(`${base}.log`, 'utf8')
  const end = log.trimEnd().split('\n').slice(-30).join('\n')
  return new Error(`${message}; the end of ${base}.log:\n${end}`)
}
