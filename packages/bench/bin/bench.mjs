// Sets up what is not set up yet, then runs the benchmarks: npm run bench -- --help
import { setup } from '../../testkit/setup/setup.mjs'
import { runIfMain } from '../../testkit/setup/steps.mjs'

async function bench() {
  await setup()
  const { runBench } = await import('../dist/main.js')
  process.exitCode = await runBench(process.argv.slice(2))
}

runIfMain(import.meta.url, bench)
