import { RetriableError } from '@connect-run/core'
import { parseObject } from '../cluster/parse-object.ts'
import type { BulkItem } from '../error-map.ts'
import type { Action } from '../operation/operations.ts'

/** Of an error; the rest may be as long as the script that failed. */
const told = ['error', 'error.caused_by', 'error.caused_by.caused_by'].flatMap((at) => [`${at}.type`, `${at}.reason`])

/** What of an answer is asked for: enough to judge each operation, and to know whose answer it is. */
export const ANSWER_FILTER: string = ['_id', 'status', ...told].map((name) => `items.*.${name}`).join(',')

interface BulkAnswer {
  readonly items?: readonly Readonly<Partial<Record<Action, BulkItem>>>[]
}

/**
 * The answers to operations, in their order. Throws a `RetriableError` where there is not exactly one for each: which
 * of them were written is not known then, and all must be repeated.
 */
export function parseAnswer(body: Buffer, actions: readonly Action[], address: string): readonly BulkItem[] {
  const { items } = parseObject(body) as BulkAnswer
  if (!Array.isArray(items)) throw unusable(`${address} answered without saying what became of the operations`)
  if (items.length !== actions.length) {
    throw unusable(`${address} answered for ${items.length} of ${actions.length} operations`)
  }
  return (items as NonNullable<BulkAnswer['items']>).map((item, i) => {
    const action = actions[i]!
    // What a pipeline has done to the document of an update is told as of an index operation.
    const answer = item[action] ?? (action === 'update' ? item.index : undefined)
    if (typeof answer?.status === 'number') return answer
    throw unusable(`${address} did not answer to operation ${i} of ${actions.length}`)
  })
}

function unusable(message: string): RetriableError {
  const hint = 'The operations may have been carried out; they are repeated. Look at proxies on the way if it goes on.'
  return new RetriableError('CONNECTION_LOST', message, { hint })
}

/** What a server calls the document of an operation without an id that a pipeline has dropped. */
const DROPPED = 'auto-generated'

/**
 * The answers by operation; undefined where it can't be told which of them is whose. OpenSearch 2 and Elasticsearch 7
 * answer to what an ingest pipeline has failed or dropped in the order in which that happened; the answers to all that was
 * written stand in their places. `idOf` says the id that an operation was sent with, if it was.
 */
export function byOperation(
  items: readonly BulkItem[],
  idOf: (i: number) => string | undefined,
): readonly (BulkItem | undefined)[] {
  if (items.length === 1 || items.every(isDone)) return items
  const ids = items.map((_, i) => idOf(i))
  const repeated = new Set<string | undefined>(duplicates(ids))
  const isStray = (item: BulkItem, i: number): boolean =>
    item.status !== CREATED && (!isOf(item, ids[i]) || (!ofShards.has(item.status) && repeated.has(ids[i])))
  // Where the failures are in place, so is what was dropped.
  if (!items.some((item, i) => !isDone(item) && isStray(item, i))) return items
  const strays = new Map<unknown, BulkItem | undefined>()
  for (const item of items.filter(isStray)) strays.set(item._id, strays.has(item._id) ? undefined : item)
  return items.map((item, i) => (isStray(item, i) ? strays.get(ids[i]) : item))
}

/** Of a document that is new, and so was neither failed nor dropped. */
const CREATED = 201
/** What a shard answers and no pipeline does: it is not there, a version conflict, a full queue. */
const ofShards: ReadonlySet<number> = new Set([404, 409, 429])

function isDone({ status }: BulkItem): boolean {
  return status < 300
}

function isOf({ _id }: BulkItem, id: string | undefined): boolean {
  return _id === undefined || (id === undefined ? _id !== null && _id !== DROPPED : _id === id)
}

function duplicates(ids: readonly (string | undefined)[]): string[] {
  const seen = new Set<string>()
  return ids.filter((id): id is string => id !== undefined && seen.size === seen.add(id).size)
}
