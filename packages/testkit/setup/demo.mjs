// Sets up what is not set up yet, then runs the example with embedded stand-ins: no server is needed.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { setup } from './setup.mjs'
import { root, runIfMain } from './steps.mjs'

/** A terminal's Ctrl-C reaches this process twice under npm; the worker takes a second one for impatience. */
const ECHO_MS = 500

async function demo() {
  await setup()
  const worker = spawn(
    process.execPath,
    ['packages/cli/bin/connect-run.cjs', 'configs/oceanic.yaml', '--embedded', ...process.argv.slice(2)],
    { cwd: root, stdio: 'inherit', detached: true },
  )
  let last = 0
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      if (Date.now() - last < ECHO_MS) return
      last = Date.now()
      worker.kill(signal)
    })
  }
  process.exitCode = await new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  })
}

runIfMain(import.meta.url, demo)
