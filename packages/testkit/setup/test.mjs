// Everything: set up, check, then the three tiers of tests. The last line is `N passed, N failed, N skipped`.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { check } from './check.mjs'
import { setup } from './setup.mjs'
import { StepError, cacheDir, complain, root, runIfMain, say } from './steps.mjs'
import { countsAgain, countsOf, filesAgain, recoveredFiles } from './test-counts.mjs'

const TIERS = { unit: 'unit and conformance tests', int: 'tests on real servers', e2e: 'whole workers' }

async function test() {
  const results = join(cacheDir, 'test')
  rmSync(results, { recursive: true, force: true })
  mkdirSync(results, { recursive: true })
  const total = { passed: 0, failed: 0, skipped: 0 }

  title('setup')
  try {
    await setup()
  } catch (error) {
    if (!(error instanceof StepError)) throw error
    complain(`\n${error.message}`)
    total.failed++
    return finish(total, results)
  }
  title('checks')
  for (const { error } of await check()) total[error ? 'failed' : 'passed']++
  const recovered = []
  for (const tier of Object.keys(TIERS)) {
    title(`${TIERS[tier]} (${tier})`)
    const counts = await runTier(tier, resultFile(results, tier))
    if (tier === 'unit') {
      add(total, counts)
      continue
    }
    const second = await secondTry(tier, results, counts)
    add(total, second.counts)
    recovered.push(...second.recovered)
  }
  return finish(total, results, recovered)
}

function title(text) {
  say(`\n── ${text} ${'─'.repeat(Math.max(2, 60 - text.length))}`)
}

/**
 * Real servers answer late on a busy machine: what failed beside other tests runs once more by itself. That it did is
 * said at the end, by name, since a fault that shows now and then looks the same.
 */
async function secondTry(tier, results, counts) {
  const first = resultFile(results, tier)
  const failed = filesAgain(first)
  if (failed.length === 0) return { counts, recovered: [] }
  title(`once more, by themselves (${tier})`)
  const second = resultFile(results, `${tier}-again`)
  const only = ['--runInBand', '--runTestsByPath', ...failed.map(({ name }) => name)]
  const again = await runTier(tier, second, only)
  return { counts: countsAgain(first, counts, again), recovered: recoveredFiles(failed, second) }
}

async function runTier(tier, file, args = []) {
  const runner = fileURLToPath(new URL('jest.mjs', import.meta.url))
  const child = spawn(process.execPath, [runner, tier, '--json', `--outputFile=${file}`, ...args], {
    cwd: root,
    // jest reports on standard error, and names the result file on standard output
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, CONNECT_RUN_TEST_USAGE: usageFile(dirname(file)), CONNECT_RUN_TEST_BUILT: '1' },
  })
  let interrupted = false
  const interrupt = (signal) => {
    interrupted = true
    child.kill(signal)
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, interrupt)
  const code = await new Promise((resolve) => child.on('exit', resolve))
  if (interrupted) process.exit(130)
  for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupt)
  return countsOf(file, code)
}

function add(total, counts) {
  for (const key of Object.keys(total)) total[key] += counts[key]
}

function resultFile(results, name) {
  return join(results, `${name}.json`)
}

function usageFile(results) {
  return join(results, 'services.jsonl')
}

function finish(total, results, recovered = []) {
  printServices(usageFile(results))
  printRecovered(recovered)
  say(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
  process.exitCode = total.failed > 0 ? 1 : 0
}

function printRecovered(recovered) {
  if (recovered.length === 0) return
  title('failed beside others, passed by themselves')
  for (const { name, titles } of recovered) say(`  ${relative(root, name)}: ${titles.join('; ') || 'could not run'}`)
}

function printServices(file) {
  title('services used')
  const lines = existsSync(file) ? new Set(readFileSync(file, 'utf8').trim().split('\n')) : []
  for (const line of [...lines].sort((one, other) => one.localeCompare(other))) {
    const { service, origin, missing } = JSON.parse(line)
    say(missing === undefined ? `  ${service}: ${origin}` : `  ${service}: MISSING, ${missing}`)
  }
}

runIfMain(import.meta.url, test)
