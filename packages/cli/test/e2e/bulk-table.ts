import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server that takes rows in bulk and answers for each, as search engines do: 200, or 429 for one that is to come later. */
export interface BulkTable {
  readonly url: string
  /** What it holds, by id. */
  readonly rows: Map<string, string>
  /** How often it has taken a row that it had with another value. */
  readonly collisions: number
  /** Rows that it refused, each time. */
  readonly refused: number
  /** From now on it takes every row. */
  heal(): void
  close(): Promise<void>
}

/** Refuses, until it is healed, the rows whose id `refuses` names. */
export async function startBulkTable(refuses: (id: string) => boolean): Promise<BulkTable> {
  const rows = new Map<string, string>()
  const counts = { collisions: 0, refused: 0 }
  let isHealed = false
  const take = ([id, value]: readonly [string, string]): number => {
    if (!isHealed && refuses(id)) {
      counts.refused++
      return 429
    }
    if (rows.has(id) && rows.get(id) !== value) counts.collisions++
    rows.set(id, value)
    return 200
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const batch = JSON.parse(Buffer.concat(chunks).toString()) as [string, string][]
      response.end(JSON.stringify(batch.map(take)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rows,
    get collisions() {
      return counts.collisions
    },
    get refused() {
      return counts.refused
    },
    heal: () => void (isHealed = true),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const core = new URL('../../../core/dist/index.js', import.meta.url).href

/** A connector for it: its sink writes each record under its coordinates, in any order and as often as needed. */
export const BULK_PLUGIN = `
import { PartialBatchError, RetriableError } from '${core}'

function create({ url }) {
  return {
    start: async () => {},
    stop: async () => {},
    put: async (batch, signal) => {
      const rows = Array.from(batch, ({ stream, partition, offset, value }) => [stream + '/' + partition + '/' + offset, value])
      const request = { method: 'POST', body: JSON.stringify(rows), signal }
      const answers = await fetch(url, request).then((response) => response.json()).catch((error) => {
        throw new RetriableError('UNREACHABLE', String(error))
      })
      const failures = answers.flatMap((status, row) => {
        return status === 200 ? [] : [{ row, error: new RetriableError('THROTTLED', 'row ' + row + ' is to come later') }]
      })
      if (failures.length > 0) throw new PartialBatchError(failures)
    },
  }
}
const config = { type: 'object', required: ['url'], properties: { url: { type: 'string', description: 'Where to.' } } }
const traits = () => ({ idempotent: true, concurrency: 4 })
export default { name: 'bulk', description: 'Bulk.', sink: { description: 'Bulk.', config, create, traits } }
`
