import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { influxDbSoftware, startInfluxDb } from './influxdb.ts'
import { startKafka } from './kafka-cluster.ts'
import { kafkaSoftware } from './kafka-software.ts'
import { kcatProgram } from './kcat.ts'
import { redisSoftware, startRedis } from './redis.ts'
import { startSearch } from './search-server.ts'
import type { SearchFlavor } from './search-software.ts'
import { searchSoftware } from './search-software.ts'
import { isServiceUnavailable, ServiceUnavailableError } from './service-unavailable.ts'
import { noteUse } from './usage-log.ts'

/** `kafka` is 3.9 and `kafka4` is 4.2, one broker each; the address of `kcat` is its path. */
export type ServiceName = 'kafka' | 'kafka4' | 'influxdb' | 'redis' | 'kcat' | SearchFlavor

interface Running {
  readonly address: string
  stop(): Promise<void>
}

interface Recipe {
  start(): Promise<Running>
  /** Only makes sure that it could be started here. */
  find(): Promise<unknown>
}

const RECIPES: Readonly<Record<ServiceName, Recipe>> = {
  kafka: {
    start: async () => addressed(await startKafka({ version: '3.9' }), 'bootstrap'),
    find: () => kafkaSoftware('3.9'),
  },
  kafka4: {
    start: async () => addressed(await startKafka({ version: '4.2' }), 'bootstrap'),
    find: () => kafkaSoftware('4.2'),
  },
  influxdb: { start: async () => addressed(await startInfluxDb(), 'url'), find: influxDbSoftware },
  redis: { start: async () => addressed(await startRedis(), 'url'), find: redisSoftware },
  kcat: { start: async () => ({ address: await kcatProgram(), stop: async () => {} }), find: kcatProgram },
  opensearch: searchRecipe('opensearch'),
  elasticsearch7: searchRecipe('elasticsearch7'),
  elasticsearch8: searchRecipe('elasticsearch8'),
}

function searchRecipe(flavor: SearchFlavor): Recipe {
  return {
    start: async () => addressed(await startSearch({ flavor }), 'url'),
    find: () => searchSoftware(flavor),
  }
}

function addressed<K extends string>(server: Readonly<Record<K, string>> & Pick<Running, 'stop'>, key: K): Running {
  return { address: server[key], stop: () => server.stop() }
}

/** The variable that gives a service's address, or says that there is one elsewhere: CONNECT_RUN_TEST_KAFKA4. */
export function addressVariable(name: ServiceName): string {
  return `CONNECT_RUN_TEST_${name.toUpperCase()}`
}

const DESK = 'CONNECT_RUN_TEST_DESK'

const started = new Map<ServiceName, Promise<Running>>()

/**
 * The address of a service: the variable's, else that of the server which the whole test run shares, else of one that
 * this process starts and keeps. Throws ServiceUnavailableError where there is none to be had.
 */
export async function sharedAddress(name: ServiceName): Promise<string> {
  const given = process.env[addressVariable(name)]
  if (given) {
    noteUse({ service: name, origin: `${addressVariable(name)}=${given}` })
    return given
  }
  const desk = process.env[DESK]
  return desk ? askDesk(desk, name) : startedHere(name)
}

/** Makes sure that a test can start a server of its own. Throws ServiceUnavailableError where it cannot. */
export async function findSoftware(name: ServiceName): Promise<void> {
  await RECIPES[name].find()
}

async function startedHere(name: ServiceName): Promise<string> {
  let running = started.get(name)
  if (!running) {
    running = RECIPES[name].start()
    started.set(name, running)
  }
  return (await running).address
}

/**
 * Lets the processes of a test run share servers: each is started when the first test asks for it. Puts the desk's
 * address into the environment, which child processes inherit. Returns what stops the desk and the servers.
 */
export async function openServiceDesk(): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    const name = request.url?.slice(1) as ServiceName
    const reply = (status: number, text: string): void => void response.writeHead(status).end(text)
    if (!Object.hasOwn(RECIPES, name)) return reply(404, `there is no service ${name}`)
    return void startedHere(name).then(
      (address) => reply(200, address),
      (error: Error) => reply(isServiceUnavailable(error) ? 503 : 500, error.message),
    )
  })
  server.requestTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  process.env[DESK] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return async () => {
    server.close()
    server.closeAllConnections()
    delete process.env[DESK]
    const running = await Promise.allSettled(started.values())
    started.clear()
    await Promise.all(running.flatMap((each) => (each.status === 'fulfilled' ? [each.value.stop()] : [])))
  }
}

/** Not by fetch, which gives up after five minutes: a first download may take longer. */
function askDesk(desk: string, name: ServiceName): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`${desk}/${name}`, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text)
        else reject(response.statusCode === 503 ? new ServiceUnavailableError(text) : new Error(text))
      })
    }).on('error', reject)
  })
}
