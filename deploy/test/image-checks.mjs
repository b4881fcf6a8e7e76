// What the image holds, and how a single container of it behaves.
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root, say } from '../../packages/testkit/setup/steps.mjs'
import { images } from './images.mjs'

const HARDENED = ['--read-only', '--tmpfs=/tmp', '--cap-drop=ALL', '--security-opt=no-new-privileges']

/** No compiler, package manager's store, sources, types, tests, dev dependencies, or files that hold secrets. */
const UNWANTED = [
  /\.(c|cc|cpp|h|o|a|map|tsbuildinfo)$/,
  /\.tsx?$/,
  /^\/app\/(packages|connectors)\/[^/]+\/(test|docs|src)\//,
  /\/node-rdkafka\/(deps|src|examples|e2e|bench)\//,
  /\/(typescript|jest|oxlint|prettier|fast-check|@swc|testkit|bench)(@|\/|$)/,
  /\/\.(npmrc|env|git|pnpm-store)(\/|$)/,
  /\.(pem|key|p12)$/,
  /\/(configs?|secrets)\//,
]

export function imageChecks(engine) {
  const container = (...args) => engine.podman('run', '--rm', ...args)
  const inContainer = (...command) =>
    container(...HARDENED, `--entrypoint=${command[0]}`, images.worker, ...command.slice(1))
  return {
    'image: user by number, exec form, health check, stop signal': async () => {
      const [{ Config: config, Healthcheck: health, Size: bytes }] = JSON.parse(
        await engine.podman('image', 'inspect', images.worker),
      )
      assert.match(config.User, /^[1-9]\d*:[1-9]\d*$/)
      assert.deepEqual(config.Entrypoint, ['node', '/app/image/entry.cjs'])
      assert.deepEqual(health.Test, ['CMD', 'node', '/app/image/health.cjs'])
      assert.equal(config.StopSignal, 'SIGTERM')
      const [{ Size: base }] = JSON.parse(await engine.podman('image', 'inspect', images.base))
      const app = (await inContainer('du', '-sm', '/app')).split('\t')[0]
      say(
        `  image ${mb(bytes)} MB: base stand-in ${mb(base)} MB, system libraries and app ${mb(bytes - base)} MB, /app ${app} MB`,
      )
    },

    'image: run-time files only': async () => {
      const files = (await inContainer('find', '/app', '/config', '/data', '-not', '-type', 'd')).trim().split('\n')
      assert.ok(files.length > 100)
      const found = files.filter((file) => UNWANTED.some((pattern) => pattern.test(file)) && !isOwnSource(file))
      assert.deepEqual(found, [])
      const tools = await inContainer('sh', '-c', 'command -v g++ cc make python3 pnpm || true')
      assert.equal(tools, '')
    },

    'image: not root, root file system read-only': async () => {
      assert.equal((await inContainer('id', '-u')).trim(), '1000')
      const { code, stderr } = await engine.tryPodman(
        'run',
        '--rm',
        ...HARDENED,
        '--entrypoint=touch',
        images.worker,
        '/app/x',
      )
      assert.equal(code, 1)
      assert.match(stderr, /Read-only file system/)
    },

    'image: every connector loads, with the features of the Kafka client': async () => {
      const connectors = JSON.parse(await container(...HARDENED, images.worker, 'connectors', '--format', 'json'))
      const names = new Set(connectors.map(({ name }) => name))
      for (const name of ['cnosdb', 'elasticsearch', 'file', 'generator', 'kafka']) assert.ok(names.has(name), name)
      const text = await container(...HARDENED, images.worker, 'connectors')
      assert.doesNotMatch(text, /broken/)
      const print =
        'process.stdout.write(require("/app/connectors/kafka/node_modules/node-rdkafka").features.join(" "))'
      const features = (await inContainer('node', '-e', print)).split(' ')
      for (const feature of ['zstd', 'ssl', 'gzip', 'sasl_scram', 'sasl_gssapi', 'oidc']) {
        assert.ok(features.includes(feature), `${feature} is missing in ${features.join(' ')}`)
      }
    },

    'image: validates the configs of the repository': async () => {
      const text = await container(
        ...HARDENED,
        `--volume=${join(root, 'configs')}:/config:ro`,
        images.worker,
        'validate',
        '/config',
      )
      assert.match(text, /ok +\/config\/oceanic\.yaml +oceanic-to-cnosdb \(kafka -> cnosdb\)/)
    },

    'image: a secret that cannot be read is an error of the config': async () => {
      const { code, stderr } = await engine.tryPodman(
        'run',
        '--rm',
        '--env=CNOSDB_PASSWORD_FILE=/run/secrets/none',
        images.worker,
        '--version',
      )
      assert.equal(code, 2)
      assert.match(stderr, /The secret that CNOSDB_PASSWORD_FILE names cannot be read: .*ENOENT/)
    },

    'image: state and data of file pipelines in volumes, written by the user of the image': async () => {
      const folder = join(engine.folder, 'file-config')
      await mkdir(folder)
      await writeFile(join(folder, 'lines.yaml'), LINES)
      const volumes = [
        `--volume=${folder}/lines.yaml:/config/lines.yaml:ro`,
        '--volume=lines-state:/config/.connect-run',
        '--volume=lines-data:/data',
      ]
      const once = () => container(...HARDENED, ...volumes, images.worker, '/config/lines.yaml', '--once')
      await once()
      await once() // goes on where it was, which is the end
      const written = await container('--volume=lines-data:/data', '--entrypoint=cat', images.worker, '/data/lines.txt')
      assert.equal(written.trim().split('\n').length, 5)
    },
  }
}

/** Built files of a package's folder that happens to have one of the names. */
function isOwnSource(file) {
  return /^\/app\/(packages|connectors)\/[^/]+\/dist\//.test(file) && file.endsWith('.js')
}

function mb(bytes) {
  return Math.round(bytes / 1e6)
}

const LINES = `name: lines
state:
  url: file:./.connect-run
pipelines:
  made-up:
    source:
      connector: generator
      count: 5
      fields:
        pressure: { type: number, min: 0, max: 10, decimals: 1 }
    sink:
      connector: file
      path: /data/lines.txt
      format: json-lines
`
