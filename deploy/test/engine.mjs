// Buildah and podman with a storage of their own, which is gone afterwards.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pollUntil } from '../../packages/testkit/dist/index.js'
import { runLogged } from '../../packages/testkit/setup/steps.mjs'
import { outcome, run } from './command.mjs'

const CONTAINERS_CONF = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
`

export async function openEngine() {
  const folder = await mkdtemp(join(tmpdir(), 'connect-run-deploy-'))
  await writeFile(join(folder, 'containers.conf'), CONTAINERS_CONF)
  await mkdir(join(folder, 'networks'))
  const env = { CONTAINERS_CONF: join(folder, 'containers.conf'), TMPDIR: folder }
  const storage = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run')]
  const podmanOptions = [...storage, '--network-config-dir', join(folder, 'networks'), '--tmpdir', join(folder, 'tmp')]
  const podman = (...args) => ['podman', ...podmanOptions, ...args]
  let service

  // Without waiting, so that it also happens when the test is interrupted.
  const close = () => {
    process.off('exit', close)
    const options = { env: { ...process.env, ...env }, stdio: 'ignore' }
    for (const what of [
      ['rm', '--all', '--force', '--time', '0'],
      ['network', 'prune', '--force'],
    ]) {
      spawnSync('podman', podman(...what).slice(1), options)
    }
    service?.kill()
    spawnSync('umount', ['--recursive', '--lazy', join(folder, 'root', 'overlay')], { stdio: 'ignore' })
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', close)

  return {
    folder,
    env,
    podman: (...args) => run(podman(...args), { env }),
    /** Exit code and output, whatever the code is. */
    tryPodman: (...args) => outcome(podman(...args), { env }),
    async build({ log, context, file, tag, args = [] }) {
      const build = ['build', '--isolation=chroot', '--pull-never', '--format=docker', '--tag', tag, '--file', file]
      await runLogged(log, ['buildah', ...storage, ...build, ...args, context], env)
    },
    /** Docker's interface for Compose; returns the variables that lead to it. */
    async serve() {
      const socket = join(folder, 'podman.sock')
      service = spawn('podman', podman('system', 'service', '--time', '0', `unix://${socket}`).slice(1), {
        env: { ...process.env, ...env },
        stdio: 'ignore',
      })
      await pollUntil(() => existsSync(socket), { what: "podman's socket" })
      return { ...env, DOCKER_HOST: `unix://${socket}` }
    },
    close,
  }
}
