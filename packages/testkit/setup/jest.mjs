// Runs one tier of the tests: node packages/testkit/setup/jest.mjs unit|int|e2e [jest arguments]
import { spawn, spawnSync } from 'node:child_process'
import { packageFolders } from './setup.mjs'
import { root, tool } from './steps.mjs'

const [tier = 'unit', ...args] = process.argv.slice(2)

// Unit tests run from the sources; the others start the built command, and the servers by built code.
if (tier !== 'unit' && !process.env.CONNECT_RUN_TEST_BUILT) {
  spawnSync(tool('tsc'), ['-b', ...packageFolders()], { cwd: root, stdio: 'inherit' })
}

const jest = ['node_modules/jest/bin/jest.js', '--config', 'packages/testkit/setup/jest.config.mjs']
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning']
const child = spawn(process.execPath, [...flags, ...jest, ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, CONNECT_RUN_TEST_TIER: tier },
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
})
