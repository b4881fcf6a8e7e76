// The commands of deploy/README.md, each of them run; `docker` is podman here, and Compose has the test's stack.
import assert from 'node:assert/strict'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../../packages/testkit/setup/steps.mjs'
import { run } from './command.mjs'
import { images } from './images.mjs'

const COMPOSE = 'docker compose -f deploy/compose.yaml '

export function readmeChecks(engine, stack) {
  return {
    'README: its commands': async () => {
      const commands = commandsOf(await readFile(join(root, 'deploy', 'README.md'), 'utf8'))
      const isLast = (command) => command === `${COMPOSE}down`
      assert.ok(commands.some(isLast))
      // the commands below it need the stack
      for (const command of [...commands.filter((each) => !isLast(each)), ...commands.filter(isLast)]) {
        await runAs(command, engine, stack).catch((cause) => {
          throw new Error(`${command}\n${cause.message}`, { cause })
        })
      }
    },
  }
}

function commandsOf(markdown) {
  return [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
    .flatMap((match) => match[1].split('\n'))
    .map((line) => line.replace(/ +# .*$/, '').trim())
    .filter(Boolean)
}

async function runAs(command, engine, stack) {
  if (command.startsWith(COMPOSE)) {
    // the image is there under another name, and is not built a second time
    const args = command
      .slice(COMPOSE.length)
      .split(' ')
      .filter((arg) => arg !== '--build')
    return args[0] === 'build' ? stack.compose('config', '--quiet') : stack.compose(...args)
  }
  if (command.startsWith('docker build '))
    return assert.equal(command, 'docker build -f deploy/Dockerfile -t connect-run:0.1.0 .')
  if (command.startsWith('docker run ')) {
    const args = command
      .slice('docker '.length)
      .replace('connect-run:0.1.0', images.worker)
      .replaceAll('-v ./', `-v ${root}`)
    return engine.podman(
      ...args.replace('-e KAFKA_BROKERS', `-e KAFKA_BROKERS=127.0.0.1:${stack.ports.kafka}`).split(' '),
    )
  }
  if (command === 'git pull') return undefined
  assert.match(command, /^install /)
  const folder = join(engine.folder, 'clone')
  await mkdir(join(folder, 'deploy'), { recursive: true })
  await run(['bash', '-euc', command], { cwd: folder })
  return assert.equal((await stat(join(folder, 'deploy/secrets/cnosdb_password'))).mode & 0o777, 0o444)
}
