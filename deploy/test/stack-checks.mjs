// compose.yaml brought up: the worker's container between a real Kafka and a stand-in for CnosDB, on loopback ports.
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pollUntil } from '../../packages/testkit/dist/index.js'
import { freePort, kafkaAt } from '../../packages/testkit/dist/services/index.js'
import { root } from '../../packages/testkit/setup/steps.mjs'
import { outcome, run } from './command.mjs'

const PROJECT = 'connect-run-test'
const PASSWORD = 'correct-horse'
const READINGS = 2000
const GROUP = 'connect-oceanic-oceanic-to-cnosdb'

export async function openStack(engine) {
  const ports = { kafka: await freePort(), redis: await freePort(), cnosdb: await freePort() }
  const secrets = join(engine.folder, 'secrets')
  await mkdir(secrets, { mode: 0o700 })
  await writeFile(join(secrets, 'cnosdb_password'), `${PASSWORD}\n`, { mode: 0o444 })
  const env = {
    ...(await engine.serve()),
    COMPOSE_PROJECT_NAME: PROJECT,
    CNOSDB_PASSWORD_FILE: join(secrets, 'cnosdb_password'),
    KAFKA_PORT: String(ports.kafka),
    REDIS_PORT: String(ports.redis),
    CNOSDB_PORT: String(ports.cnosdb),
  }
  const files = ['--file', 'deploy/compose.yaml', '--file', 'deploy/test/stack.yaml']
  const compose = (...args) => run(['docker-compose', ...files, ...args], { cwd: root, env })
  const nameOf = (service) => `${PROJECT}_${service}_1`
  const healthLoop = driveHealthChecks(engine)

  return {
    ports,
    compose,
    kafka: kafkaAt(`127.0.0.1:${ports.kafka}`),
    exec: (service, ...command) => engine.tryPodman('exec', nameOf(service), ...command),
    signal: (service, name) => engine.podman('kill', '--signal', name, nameOf(service)),
    state: async (service) => JSON.parse(await engine.podman('inspect', nameOf(service)))[0].State,
    inspect: async (service) => JSON.parse(await engine.podman('inspect', nameOf(service)))[0],
    logs: async (service) => {
      const { stdout, stderr } = await engine.tryPodman('logs', nameOf(service))
      return stdout + stderr
    },
    async close() {
      await outcome(['docker-compose', ...files, 'down', '--volumes', '--timeout', '5'], { cwd: root, env })
      await healthLoop.stop()
    },
  }
}

/** Podman leaves the timing of health checks to systemd, which need not run here. */
function driveHealthChecks(engine) {
  const stopping = new AbortController()
  const last = new Map()
  const checkOne = async ({ Id: id, Config: config, State: state }) => {
    if (config.Healthcheck === undefined) return
    const since = last.get(id) ?? Date.parse(state.StartedAt)
    if (Date.now() - since < config.Healthcheck.Interval / 1e6) return
    last.set(id, Date.now())
    await engine.tryPodman('healthcheck', 'run', id)
  }
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      const ids = (await engine.tryPodman('ps', '--quiet')).stdout.split('\n').filter(Boolean)
      const { stdout } = await engine.tryPodman('inspect', ...ids)
      await Promise.all(JSON.parse(stdout || '[]').map(checkOne))
      await sleep(1000)
    }
  })()
  return {
    stop: () => {
      stopping.abort()
      return loop
    },
  }
}

export function stackChecks(stack) {
  const healthIs = (service, status, timeoutMs) =>
    pollUntil(async () => healthOf(await stack.state(service)) === status, {
      what: `${service} is ${status}`,
      timeoutMs,
    })
  const rowsAre = (count) =>
    pollUntil(async () => (await countRows(stack)) === count, { what: `${count} rows`, timeoutMs: 60_000 })
  const committed = async () => sum(await stack.kafka.committedOffsets(GROUP, 'oceanic'))

  return {
    'stack: comes up in order, every service healthy': async () => {
      await stack.compose('up', '--detach', '--no-build')
      for (const service of ['kafka', 'redis', 'cnosdb', 'worker']) await healthIs(service, 'healthy', 120_000)
    },

    'stack: the worker is confined as compose.yaml says': async () => {
      const { HostConfig: host, Config: config } = await stack.inspect('worker')
      assert.equal(host.ReadonlyRootfs, true)
      assert.equal(host.Memory, 512 * 1024 * 1024)
      const status = (await stack.exec('worker', 'cat', '/proc/1/status')).stdout
      assert.match(status, /^CapEff:\s+0+$/m)
      assert.match(status, /^NoNewPrivs:\s+1$/m)
      assert.match(status, /^Uid:\s+1000\s/m)
      assert.ok(!JSON.stringify(config.Env).includes(PASSWORD), 'the password stands in the environment')
      assert.ok(!(await stack.exec('worker', 'cat', '/proc/1/environ')).stdout.includes(PASSWORD))
    },

    'stack: ports are open on the loopback only': async () => {
      for (const service of ['kafka', 'redis', 'cnosdb']) {
        const { HostConfig: host } = await stack.inspect(service)
        const bindings = Object.values(host.PortBindings).flat()
        assert.deepEqual(
          bindings.map(({ HostIp }) => HostIp),
          ['127.0.0.1'],
        )
      }
    },

    'stack: Redis appends every write and evicts nothing': async () => {
      const config = async (name) =>
        (await stack.exec('redis', 'redis-cli', 'config', 'get', name)).stdout.trim().split('\n')[1]
      assert.equal(await config('appendonly'), 'yes')
      assert.equal(await config('appendfsync'), 'always')
      assert.equal(await config('maxmemory-policy'), 'noeviction')
    },

    'stack: the readings of the producer arrive, with the password from its file': async () => {
      await stack.compose('run', '--rm', 'producer')
      await rowsAre(READINGS)
      assert.equal((await query(stack, 'wrong')).status, 422)
      assert.doesNotMatch(await stack.logs('worker'), new RegExp(PASSWORD))
    },

    'stack: a worker that hangs becomes unhealthy, and healthy again': async () => {
      await stack.signal('worker', 'STOP')
      await healthIs('worker', 'unhealthy', 60_000)
      const { code, stderr } = await stack.exec('worker', 'node', '/app/image/health.cjs')
      assert.equal(code, 1)
      assert.match(stderr, /no answer from the worker for 4000 ms/)
      await stack.signal('worker', 'CONT')
      await healthIs('worker', 'healthy', 60_000)
    },

    'stack: a worker that is killed is started again and goes on': async () => {
      const { Pid: pid } = await stack.state('worker')
      process.kill(pid, 'SIGKILL')
      await pollUntil(async () => ![0, pid].includes((await stack.state('worker')).Pid), {
        what: 'another worker',
        timeoutMs: 60_000,
      })
      await stack.compose('run', '--rm', 'producer')
      await rowsAre(2 * READINGS)
    },

    'stack: SIGTERM finishes, commits and ends with 0 in the grace period': async () => {
      await stack.compose('run', '--rm', 'producer')
      const started = Date.now()
      await stack.compose('stop', 'worker')
      const { ExitCode: code } = await stack.state('worker')
      assert.equal(code, 0)
      assert.ok(Date.now() - started < 40_000)
      const written = await countRows(stack)
      assert.equal(await committed(), written, 'what is committed is what is written')
    },

    'stack: started again, it reads what was left and nothing twice': async () => {
      await stack.compose('start', 'worker')
      await rowsAre(3 * READINGS)
      await stack.compose('stop', 'worker')
      assert.equal(await committed(), 3 * READINGS)
    },
  }
}

function healthOf(state) {
  return (state.Health ?? state.Healthcheck)?.Status
}

async function query({ ports }, password = PASSWORD) {
  const response = await fetch(`http://127.0.0.1:${ports.cnosdb}/api/v1/sql?db=public`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`root:${password}`).toString('base64')}`,
      accept: 'application/json',
    },
    body: 'select count(*) from kafka_consumer',
  })
  return { status: response.status, text: await response.text() }
}

/** 0 where there is no table yet. */
async function countRows(stack) {
  const { status, text } = await query(stack)
  return status === 200 ? Number(Object.values(JSON.parse(text)[0])[0]) : 0
}

function sum(offsets) {
  return Object.values(offsets).reduce((total, offset) => total + offset, 0)
}
