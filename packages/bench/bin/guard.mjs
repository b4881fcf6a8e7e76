// Fails where records have become dearer, by comparison with kcat, than was last recorded: npm run bench:guard -- --help
import { setup } from '../../testkit/setup/setup.mjs'
import { runIfMain } from '../../testkit/setup/steps.mjs'

async function guard() {
  await setup()
  const { runGuard } = await import('../dist/guard/main.js')
  process.exitCode = await runGuard(process.argv.slice(2))
}

runIfMain(import.meta.url, guard)
