import type { Logger } from '@connect-run/core'
import type { ConnectionConfig } from './connection-config.ts'

type Packed = Pick<ConnectionConfig, 'packed'>

const SLOWER =
  'this installation of node-rdkafka lacks the calls for packed batches: a record costs several times the CPU'
const HINT = 'See “Packed batches” in the README of the Kafka connector.'

let told = false

/** Whether records move in packed batches: the config wants it, and the client can. */
export function usesPacked(config: Packed, library: Packed): boolean {
  return config.packed && library.packed
}

/** Says once in a process that packed batches are wanted and can't be had. */
export function tellPath(config: Packed, library: Packed, logger: Logger): void {
  if (told || !config.packed || library.packed) return
  told = true
  logger.info({ hint: HINT }, SLOWER)
}

/** Which path an installation takes, for `connectors kafka`. */
export function pathNotes(packed: boolean): readonly string[] {
  return packed ? ['Records move in packed batches.'] : [`${SLOWER[0]!.toUpperCase()}${SLOWER.slice(1)}. ${HINT}`]
}
