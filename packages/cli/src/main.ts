import { readFileSync } from 'node:fs'

import { createLogger, createWorker, loadWorkerConfig } from '@connect-run/core/runtime'

import type { EmbeddedServices, Host } from './host.ts'
import { runProgram } from './program.ts'
import { probeState } from './probe-state.ts'
import { openJournals, openState } from './state.ts'
import type { TortureKit } from './torture-kit.ts'

/** How long what a client library left behind may keep the process alive after the end, in milliseconds. */
const lingerMs = 3000

/** How long a second signal leaves for closing connections and printing the ledger, in milliseconds. */
const momentMs = 2000

/** The command line of this process. */
export async function runMain(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe)
  process.exitCode = await runProgram(process.argv.slice(2), ownVersion(), processHost())
  setTimeout(() => process.exit(), lingerMs).unref()
}

/** A reader that has seen enough, as `head` has, closes the pipe: what is said after that goes nowhere. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

function processHost(): Host {
  return {
    env: process.env,
    cwd: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    now: () => performance.now(),
    onSignal,
    exitSoon: (code) => void setTimeout(() => process.exit(code), momentMs).unref(),
    loadConfig: loadWorkerConfig,
    createWorker,
    openState,
    openJournals,
    probeState,
    createLogger,
    startEmbedded,
    loadTorture,
    ownCommand: [process.execPath, process.argv[1]!],
    newSeed: () => Math.floor(Math.random() * 2 ** 32),
  }
}

function onSignal(stop: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, stop)
  return () => {
    for (const signal of signals) process.off(signal, stop)
  }
}

async function startEmbedded(): Promise<EmbeddedServices> {
  // Loaded only for `--embedded`, and not a dependency: an installation for production has no test servers.
  const module = '@connect-run/testkit/embedded'
  const testkit = (await import(module)) as { startEmbedded(): Promise<EmbeddedServices> }
  return testkit.startEmbedded()
}

async function loadTorture(): Promise<TortureKit> {
  const module = '@connect-run/testkit/torture'
  return (await import(module)) as TortureKit
}

function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}
