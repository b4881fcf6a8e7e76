// Checks the files of deploy/ and .github/, builds the image, and runs it in the stack of compose.yaml.
// The last line is `N passed, N failed, N skipped`.
import { runIfMain, say, step } from '../../packages/testkit/setup/steps.mjs'
import { setup } from '../../packages/testkit/setup/setup.mjs'
import { createReport } from './report.mjs'

async function test() {
  process.env.CONNECT_RUN_TEST_CONTAINERS = 'off' // the services here are not for the test kit's own engine
  const report = createReport()
  await setup()
  // these load the built test kit
  const { engineParts, linters } = await import('./tools.mjs')
  const { fileChecks } = await import('./checks.mjs')
  const { openEngine } = await import('./engine.mjs')
  const { buildBase, buildServices, buildWorker, images } = await import('./images.mjs')
  const { imageChecks } = await import('./image-checks.mjs')
  const { openStack, stackChecks } = await import('./stack-checks.mjs')
  const { readmeChecks } = await import('./readme-checks.mjs')
  const all = async (checks) => {
    for (const [name, body] of Object.entries(checks)) await report.check(name, body)
  }

  await step('container tools', engineParts)
  await all(fileChecks(await step('linters', linters)))

  const engine = await openEngine()
  let stack
  try {
    const isBuilt =
      (await report.check('image: a base that stands in for the real one', async () => {
        images.base = await buildBase(engine)
      })) && (await report.check('image: builds from the Dockerfile as it is', () => buildWorker(engine)))
    if (!isBuilt)
      return report.skip([...Object.keys(imageChecks()), ...Object.keys(stackChecks())], 'there is no image')
    await all(imageChecks(engine))
    const hasServices = await report.check('stack: images for Kafka, Redis and CnosDB', () =>
      buildServices(engine, images.base),
    )
    if (!hasServices) return report.skip(Object.keys(stackChecks()), 'there are no services')
    stack = await openStack(engine)
    await all({ ...stackChecks(stack), ...readmeChecks(engine, stack) })
  } finally {
    await stack?.close()
    engine.close()
    const { counts } = report
    say(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
    process.exitCode = counts.failed > 0 ? 1 : 0
  }
}

runIfMain(import.meta.url, test)
