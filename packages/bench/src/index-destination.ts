import { setTimeout as sleep } from 'node:timers/promises'
import type { SearchApi } from '@connect-run/testkit/services'
import type { Destination } from './subject.ts'
import { addArrival, emptyTally } from './tally.ts'

const LOOK_MS = 100

/** Where the index is, and how what its server uses is known. */
export interface IndexPlace {
  readonly server: Pick<SearchApi, 'request' | 'count' | 'createIndex' | 'deleteIndex'>
  readonly index: string
  /** CPU-seconds that the server has used so far. */
  readonly usedSeconds: () => Promise<number>
  readonly now: () => number
}

export type IndexDestination = Destination & {
  /** Removes the index. */
  readonly close: () => Promise<void>
}

/**
 * An empty index that a program is about to write documents to. While it grows the server's own counter of operations
 * tells how many have come; at the end the documents are counted.
 */
export async function indexDestination(place: IndexPlace): Promise<IndexDestination> {
  const { server, index, usedSeconds, now } = place
  await server.createIndex(index)
  const usedBefore = await usedSeconds()
  let tally = emptyTally
  const ended = new AbortController()
  const look = async (): Promise<void> => {
    const { _all: all } = await server.request<IndexingStats>('GET', `/${index}/_stats/indexing`)
    tally = addArrival(tally, all.primaries.indexing.index_total - tally.records, now())
  }
  const watching = (async () => {
    while (!ended.signal.aborted) {
      await look()
      await sleep(LOOK_MS)
    }
  })()
  // What goes wrong is said where the end is waited for.
  watching.catch(() => undefined)
  return {
    arrived: () => Promise.resolve(tally.records),
    count: async () => {
      ended.abort()
      await watching
      await look()
      const cpuSeconds = (await usedSeconds()) - usedBefore
      return { tally: { ...tally, records: await server.count(index) }, cpuSeconds }
    },
    close: async () => {
      ended.abort()
      await watching.catch(() => undefined)
      await server.deleteIndex(index)
    },
  }
}

interface IndexingStats {
  readonly _all: { readonly primaries: { readonly indexing: { readonly index_total: number } } }
}
