import type { DeadLetter, LetterPlace } from './letter.ts'
import type { Marks } from './marks.ts'
import type { DeadLetterQueue } from './queue.ts'
import { type Selection, isSelected } from './selection.ts'

/** A record to be replayed, and all letters of it, which are marked together. */
export interface ReplayItem {
  readonly letter: DeadLetter
  readonly ids: readonly string[]
}

/** So many records are in doubt when a replay is interrupted. Complete in itself: whoever has it can run it. */
export type ReplayChunk = readonly ReplayItem[]

export interface ReplayPlan {
  /** Records to be replayed, with the letters of each. */
  readonly records: ReadonlyMap<string, readonly string[]>
  /** Records that were chosen, and are left out as they were replayed before. */
  readonly replayedBefore: number
  readonly damaged: readonly LetterPlace[]
}

export interface PlanOptions {
  readonly selection: Selection
  readonly marks: Marks
  /** Most records; undefined: all. */
  readonly limit: number | undefined
  /** Also what was replayed before. */
  readonly again: boolean
  readonly signal: AbortSignal
}

const CHUNK_RECORDS = 500
const CHUNK_BYTES = 4 * 1024 * 1024

/**
 * Looks through a queue for what is to be replayed. A record counts once, however many letters there are of it; a letter
 * that came after its record was replayed is a new failure, and counts again.
 */
export async function planReplay(queue: DeadLetterQueue, options: PlanOptions): Promise<ReplayPlan> {
  const { selection, marks, limit = Infinity, again, signal } = options
  const ids = new Map<string, string[]>()
  const chosen = new Set<string>()
  const before = new Set<string>()
  const damaged: LetterPlace[] = []
  for await (const page of queue.read(signal)) {
    damaged.push(...page.damaged)
    for (const letter of page.letters) {
      const { id, recordId } = letter
      ids.set(recordId, [...(ids.get(recordId) ?? []), id])
      if (!isSelected(selection, letter, marks)) continue
      if (!again && marks.of(id).replayedMs !== undefined) before.add(recordId)
      else if (chosen.size < limit) chosen.add(recordId)
    }
  }
  const replayedBefore = [...before].filter((recordId) => !chosen.has(recordId)).length
  return { records: new Map([...chosen].map((recordId) => [recordId, ids.get(recordId)!])), replayedBefore, damaged }
}

/** The records of a plan, in pieces that are run one after another, each in the order of the partitions. */
export async function* replayChunks(
  queue: DeadLetterQueue,
  plan: ReplayPlan,
  signal: AbortSignal,
): AsyncGenerator<ReplayChunk, void> {
  const left = new Map(plan.records)
  let chunk: ReplayItem[] = []
  let bytes = 0
  for await (const { letters } of queue.read(signal)) {
    for (const letter of letters) {
      const ids = left.get(letter.recordId)
      if (ids === undefined) continue
      left.delete(letter.recordId)
      chunk.push({ letter, ids })
      bytes += (letter.key?.length ?? 0) + (letter.value?.length ?? 0)
      if (chunk.length < CHUNK_RECORDS && bytes < CHUNK_BYTES) continue
      yield chunk.toSorted(byCoordinates)
      chunk = []
      bytes = 0
    }
    if (left.size === 0) break
  }
  if (chunk.length > 0) yield chunk.toSorted(byCoordinates)
}

/** A queue has no order, and some sinks need one. */
function byCoordinates({ letter: one }: ReplayItem, { letter: other }: ReplayItem): number {
  if (one.stream !== other.stream) return one.stream < other.stream ? -1 : 1
  return one.partition - other.partition || one.offset - other.offset
}
