// What needs no run of the code: types, lint (with import cycles and dependency rules), format.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolders } from './setup.mjs'
import { StepError, complain, root, runIfMain, runLogged, step, tool } from './steps.mjs'

/** Runs every check and returns `{ label, error? }` for each. */
export async function check() {
  const results = []
  for (const [label, log, command] of checks()) {
    try {
      await step(label, () => runLogged(log, command))
      results.push({ label })
    } catch (error) {
      complain(error.message)
      results.push({ label, error })
    }
  }
  return results
}

function checks() {
  const packages = packageFolders()
  const tests = packages.map((folder) => join(folder, 'test')).filter((folder) => existsSync(join(root, folder)))
  return [
    ['types', 'check-types', [tool('tsc'), '-b', ...packages]],
    ['types of the tests', 'check-test-types', [tool('tsc'), '-b', ...tests]],
    ['lint, import cycles, dependency rules', 'check-lint', [tool('oxlint'), '--type-aware', '--deny-warnings']],
    ['format', 'check-format', [tool('prettier'), '--check', '.']],
  ]
}

runIfMain(import.meta.url, async () => {
  const failed = (await check()).filter((each) => each.error)
  if (failed.length > 0) throw new StepError(`failed: ${failed.map((each) => each.label).join('; ')}`)
})
