import { type DeadLetter, type LetterPlace, failedAt } from './letter.ts'
import type { Marks } from './marks.ts'
import type { DeadLetterQueue } from './queue.ts'
import { type Selection, codeOf, isOthers, isSelected, reasonOf, stageOf } from './selection.ts'

/** Letters that failed for one cause. */
export interface LetterGroup {
  readonly code: string
  readonly stage: string
  /** The message of one of them; those of the others differ in numbers and quoted values at most. */
  readonly message: string
  letters: number
  /** Of these. */
  replayed: number
  /** First failures, in milliseconds since 1970. */
  firstMs: number | undefined
  lastMs: number | undefined
  readonly example: Pick<DeadLetter, 'stream' | 'partition' | 'offset'>
}

export interface QueueSummary {
  /** The largest first. */
  readonly groups: readonly LetterGroup[]
  readonly letters: number
  readonly replayed: number
  /** More letters than records where a crash made the pipeline set one aside again. */
  readonly records: number
  /** Letters of other pipelines, which are left out. */
  readonly others: number
  readonly damaged: readonly LetterPlace[]
}

/** So many causes are told apart; what comes then is counted by code and stage. */
const MOST_CAUSES = 1000

/** What is in a queue, by cause. */
export async function summarize(
  queue: DeadLetterQueue,
  { selection, marks, signal }: { selection: Selection; marks: Marks; signal: AbortSignal },
): Promise<QueueSummary> {
  const groups = new Map<string, LetterGroup>()
  const records = new Set<string>()
  const damaged: LetterPlace[] = []
  let letters = 0
  let replayed = 0
  let others = 0
  for await (const page of queue.read(signal)) {
    damaged.push(...page.damaged)
    for (const letter of page.letters) {
      if (isOthers(selection, letter)) others++
      if (!isSelected(selection, letter, marks)) continue
      letters++
      records.add(letter.recordId)
      const isReplayed = marks.of(letter.id).replayedMs !== undefined
      if (isReplayed) replayed++
      note(groupOf(groups, letter, marks), letter, isReplayed)
    }
  }
  const sorted = [...groups.values()].toSorted((a, b) => b.letters - a.letters)
  return { groups: sorted, letters, replayed, records: records.size, others, damaged }
}

function groupOf(groups: Map<string, LetterGroup>, letter: DeadLetter, marks: Marks): LetterGroup {
  const code = codeOf(letter, marks)
  const stage = stageOf(letter, marks)
  const message = groups.size < MOST_CAUSES ? reasonOf(letter, marks) : 'various'
  const key = JSON.stringify([code, stage, causeOf(message)])
  let group = groups.get(key)
  if (group === undefined) {
    const { stream, partition, offset } = letter
    const times = { firstMs: undefined, lastMs: undefined }
    group = { code, stage, message, letters: 0, replayed: 0, ...times, example: { stream, partition, offset } }
    groups.set(key, group)
  }
  return group
}

function note(group: LetterGroup, letter: DeadLetter, isReplayed: boolean): void {
  const at = failedAt(letter)
  group.letters++
  if (isReplayed) group.replayed++
  if (at === undefined) return
  group.firstMs = Math.min(at, group.firstMs ?? at)
  group.lastMs = Math.max(at, group.lastMs ?? at)
}

/** The message without what differs from record to record: quoted texts and numbers. */
export function causeOf(message: string): string {
  return message.replaceAll(/"(?:[^"\\]|\\.)*"|'[^']*'|`[^`]*`/g, '…').replaceAll(/\d+/g, '#')
}
