// Installs what is needed and builds everything. Quick when that has been done.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkNode, preflight } from './preflight.mjs'
import { StepError, complain, root, runIfMain, runLogged, step, tool } from './steps.mjs'

const PNPM = 'pnpm@10.34.9'
const STAMP = join(root, 'node_modules', '.connect-run-setup')

export async function setup() {
  checkNode()
  const wanted = installState()
  if (!isInstalled(wanted)) {
    await preflight()
    await step('install (the first time compiles the Kafka client: a minute or two)', install)
    checkAddon()
    writeFileSync(STAMP, wanted)
  }
  await step('build', () => runLogged('build', [tool('tsc'), '-b', ...packageFolders()]))
}

/** The folders of the workspace's packages, from the root. */
export function packageFolders() {
  return ['packages', 'connectors'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .map((name) => join(folder, name))
      .filter((path) => existsSync(join(root, path, 'tsconfig.json'))),
  )
}

function isInstalled(wanted) {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted
}

/** Changes with all that the installed packages depend on: the lockfile, the manifests, and Node's binary interface. */
function installState() {
  const manifests = packageFolders().map((folder) => join(folder, 'package.json'))
  const hash = createHash('sha256').update(`${process.versions.modules} ${process.arch} ${root}`)
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests]) {
    hash.update(`\n${file}\n`).update(readFileSync(join(root, file)))
  }
  return hash.digest('hex')
}

async function install() {
  // Node's own headers, where it came with them, spare node-gyp a download.
  const nodedir = join(dirname(process.execPath), '..')
  const hasHeaders = existsSync(join(nodedir, 'include', 'node', 'node_version.h'))
  await runLogged('install', ['npx', '--yes', PNPM, 'install', '--frozen-lockfile'], {
    CI: 'true', // asks nothing
    ...(hasHeaders ? { npm_config_nodedir: nodedir } : {}),
  })
}

/** Fails if the compiled Kafka client does not load, and warns of features that it was built without. */
function checkAddon() {
  const print = "process.stdout.write(JSON.stringify(require('node-rdkafka').features))"
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', print], {
    cwd: join(root, 'connectors', 'kafka'),
    encoding: 'utf8',
  })
  if (status !== 0) {
    throw new StepError(`The Kafka client was installed but does not load:\n${stderr}\nTo see why: .cache/install.log`)
  }
  const features = JSON.parse(stdout)
  const wanted = ['zstd', 'ssl', 'gzip', 'sasl_scram', 'sasl_gssapi', 'oidc']
  const missing = wanted.filter((feature) => !features.includes(feature))
  if (missing.length === 0) return
  complain(`! the Kafka client was built without ${missing.join(', ')}: install the libraries named above, then`)
  complain(`  run: npx --yes ${PNPM} rebuild node-rdkafka`)
}

runIfMain(import.meta.url, setup)
