import { startCnosdbServer } from './cnosdb-server.ts'
import { startMockKafka } from './mock-kafka.ts'
import { cellText } from './sql-format.ts'

export { type CnosdbAdmin, startCnosdbAdmin } from './cnosdb-admin.ts'
export { type CnosdbProcess, startCnosdbProcess } from './cnosdb-process.ts'
export { CnosdbServer, type CnosdbServerOptions, type CnosdbStats, startCnosdbServer } from './cnosdb-server.ts'
export type { Fault, FaultKind } from './fault-plan.ts'
export {
  type FieldType,
  LineProtocolError,
  ParserPanic,
  type Point,
  type PointField,
  type PointTag,
  parseLineProtocol,
} from './line-protocol.ts'
export { type MockKafka, startMockKafka } from './mock-kafka.ts'
export { type CellValue, Refusal, type Row } from './point-store.ts'
export type { BulkAction, BulkOperation } from './search-bulk.ts'
export type { SearchProduct } from './search-paths.ts'
export {
  type ItemRefusal,
  type SearchRequest,
  SearchStandIn,
  type SearchStandInOptions,
  startSearchStandIn,
} from './search-stand-in.ts'
export type { StoredDocument } from './search-store.ts'
export type { QueryResult } from './sql.ts'

/** Servers inside this process, for the demo and for quick tests. */
export interface Embedded {
  /** Addresses for the variables of the configs. */
  readonly env: Readonly<Record<'KAFKA_BROKERS' | 'CNOSDB_URL', string>>
  /** Asks the CnosDB stand-in (database `public`). */
  query(sql: string): Promise<{ readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] }>
  stop(): Promise<void>
}

/** Brings up librdkafka's mock Kafka and the CnosDB stand-in on free ports. Their data ends with them. */
export async function startEmbedded(): Promise<Embedded> {
  const [kafka, cnosdb] = await Promise.all([startMockKafka(), startCnosdbServer()])
  return {
    env: { KAFKA_BROKERS: kafka.bootstrap, CNOSDB_URL: cnosdb.url },
    query: async (sql) => {
      const { columns, rows, times } = await Promise.resolve(cnosdb.query(sql))
      const isTime = columns.map((column) => times.includes(column))
      return { columns, rows: rows.map((row) => row.map((cell, i) => cellText(cell, isTime[i]!))) }
    },
    stop: async () => {
      await Promise.all([kafka.stop(), cnosdb.stop()])
    },
  }
}
