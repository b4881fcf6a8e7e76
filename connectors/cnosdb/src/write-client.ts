import { type HttpClient, type HttpResponse, basicAuth, createHttpClient } from '@connect-run/http'
import type { CnosdbSinkConfig } from './sink-config.ts'

/** More than a pipeline has batches in flight: the runtime is what bounds them. */
const MAX_CONNECTIONS = 64

/** The requests of one server that the sink needs. Answers come back whatever their status. */
export interface WriteClient {
  readonly address: string
  /** Line protocol with times in nanoseconds. An empty body stores nothing and checks everything else. */
  write(body: Buffer, signal: AbortSignal): Promise<HttpResponse>
  ping(signal: AbortSignal): Promise<HttpResponse>
  createDatabase(signal: AbortSignal): Promise<HttpResponse>
  close(): Promise<void>
}

export async function createWriteClient(config: CnosdbSinkConfig): Promise<WriteClient> {
  const { url, gzip, timeout, tls, api } = config
  const headers = { ...authorization(config), 'content-type': 'text/plain; charset=utf-8' }
  const http = await createHttpClient({
    url,
    connections: MAX_CONNECTIONS,
    headers,
    tls,
    gzip,
    timeoutMs: timeout,
  })
  return api === 'cnosdb' ? cnosdbClient(http, config) : influxClient(http, config)
}

/** CnosDB refuses a request without a user, also where it checks no passwords. */
function authorization({ api, username, password }: CnosdbSinkConfig): Record<string, string> {
  const user = username ?? (api === 'cnosdb' ? 'root' : undefined)
  return user === undefined ? {} : { authorization: basicAuth(user, password ?? '') }
}

function cnosdbClient(http: HttpClient, { tenant, database }: CnosdbSinkConfig): WriteClient {
  const writePath = `/api/v1/write?${new URLSearchParams({ tenant, db: database }).toString()}`
  const sqlPath = `/api/v1/sql?${new URLSearchParams({ tenant, db: 'public' }).toString()}`
  const create = Buffer.from(`CREATE DATABASE IF NOT EXISTS "${database.replaceAll('"', '""')}"`)
  return {
    address: http.address,
    write: (body, signal) => http.request({ method: 'POST', path: writePath, body, signal }),
    ping: (signal) => http.request({ method: 'GET', path: '/api/v1/ping', signal }),
    createDatabase: (signal) => http.request({ method: 'POST', path: sqlPath, body: create, signal }),
    close: () => http.close(),
  }
}

function influxClient(http: HttpClient, { database }: CnosdbSinkConfig): WriteClient {
  const writePath = `/write?${new URLSearchParams({ db: database }).toString()}`
  const name = database.replaceAll('\\', '\\\\').replaceAll('"', String.raw`\"`)
  const queryPath = `/query?${new URLSearchParams({ q: `CREATE DATABASE "${name}"` }).toString()}`
  return {
    address: http.address,
    write: (body, signal) => http.request({ method: 'POST', path: writePath, body, signal }),
    ping: (signal) => http.request({ method: 'GET', path: '/ping', signal }),
    createDatabase: (signal) => http.request({ method: 'POST', path: queryPath, body: Buffer.alloc(0), signal }),
    close: () => http.close(),
  }
}
