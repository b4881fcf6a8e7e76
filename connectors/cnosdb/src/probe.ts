import type { ProbeContext } from '@connect-run/core'
import { type HttpResponse, statusError } from '@connect-run/http'
import { judge, requestError } from './error-map.ts'
import type { CnosdbSinkConfig } from './sink-config.ts'
import { createWriteClient } from './write-client.ts'

/** Whether the server answers, takes the credentials and has the database, which a write of nothing shows. */
export async function probeSink(config: CnosdbSinkConfig, { signal, clock }: ProbeContext): Promise<readonly string[]> {
  const { api, database, createDatabase } = config
  const client = await createWriteClient(config)
  const { address } = client
  try {
    const pong = await client.ping(signal)
    const problem = statusError(pong, address, clock.now())
    if (problem !== undefined) throw problem
    const response = await client.write(Buffer.alloc(0), signal)
    const verdict = judge(api, { response, address, nowMs: clock.now(), refusesSilently: false })
    if (verdict.kind === 'done') return [serverOf(config, pong), `database ${database}`]
    const error = requestError(verdict)
    if (!createDatabase || !/database not found/i.test(error.message)) throw error
    return [serverOf(config, pong), `database ${database} will be created`]
  } finally {
    await client.close()
  }
}

/** What calls itself InfluxDB may be something that only speaks like it. */
function serverOf({ api }: CnosdbSinkConfig, { headers, body }: HttpResponse): string {
  if (api === 'cnosdb') return named('CnosDB', /"version"\s*:\s*"([^"]{1,40})/.exec(body.toString())?.[1])
  return named('InfluxDB', headers['x-influxdb-version'])
}

function named(product: string, version: string | undefined): string {
  return version === undefined ? product : `${product} ${version}`
}
