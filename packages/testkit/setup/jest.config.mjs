import { fileURLToPath } from 'node:url'

const tiers = {
  unit: { ignore: '\\.(int|e2e)\\.test\\.ts$', testTimeout: 20_000, maxWorkers: '100%' },
  int: { match: '**/test/**/*.int.test.ts', testTimeout: 120_000, maxWorkers: 2 },
  e2e: { match: '**/test/**/*.e2e.test.ts', testTimeout: 300_000, maxWorkers: 2 },
}

const name = process.env.CONNECT_RUN_TEST_TIER ?? 'unit'
const tier = tiers[name]
if (!tier) throw new Error(`CONNECT_RUN_TEST_TIER=${name}: expected one of ${Object.keys(tiers).join(', ')}`)

export default {
  rootDir: fileURLToPath(new URL('../../..', import.meta.url)),
  roots: ['<rootDir>/packages', '<rootDir>/connectors'],
  testEnvironment: 'node',
  injectGlobals: false,
  watchman: false,
  testMatch: [tier.match ?? '**/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', ...(tier.ignore ? [tier.ignore] : [])],
  testTimeout: tier.testTimeout,
  maxWorkers: tier.maxWorkers,
  extensionsToTreatAsEsm: ['.ts'],
  // Never add 'import' here: the conditions hold for require() too and break packages with both kinds of entry.
  testEnvironmentOptions: { customExportConditions: ['@connect-run/source', 'node', 'node-addons'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  ...(name === 'unit'
    ? {}
    : {
        globalSetup: fileURLToPath(new URL('jest-services.mjs', import.meta.url)),
        globalTeardown: fileURLToPath(new URL('jest-services-stop.mjs', import.meta.url)),
      }),
}
