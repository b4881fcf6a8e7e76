// Takes out the guards behind the promises, one at a time, and sees whether a test notices: npm run test:guards [words]
import { setup } from './setup.mjs'
import { root, runIfMain } from './steps.mjs'

async function guards() {
  await setup()
  const { runGuards } = await import('../dist/guards/main.js')
  process.exitCode = await runGuards(root, process.argv.slice(2))
}

runIfMain(import.meta.url, guards)
