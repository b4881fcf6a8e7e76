import { type DeadLetter, failedAt } from './letter.ts'
import type { Marks } from './marks.ts'

/** Which letters a command is about. What is left out does not matter. */
export interface Selection {
  /** `<worker>-<pipeline>`: not those that another one has set aside in the same queue. */
  readonly pipeline?: string | undefined
  readonly codes?: readonly string[] | undefined
  /** First failure, in milliseconds since 1970: from (inclusive) and to (exclusive). */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
  readonly stream?: string | undefined
  readonly partition?: number | undefined
  /** Both inclusive. */
  readonly offsets?: { readonly first: number; readonly last: number } | undefined
}

export function isSelected(selection: Selection, letter: DeadLetter, marks: Marks): boolean {
  const { codes, stream, partition, offsets } = selection
  if (isOthers(selection, letter)) return false
  if (codes !== undefined && !codes.includes(codeOf(letter, marks))) return false
  if (stream !== undefined && letter.stream !== stream) return false
  if (partition !== undefined && letter.partition !== partition) return false
  if (offsets !== undefined && (letter.offset < offsets.first || letter.offset > offsets.last)) return false
  return isInTime(selection, letter)
}

/** Whether another pipeline has set it aside. A letter that does not say by whom may be anybody's. */
export function isOthers({ pipeline }: Selection, { errors }: DeadLetter): boolean {
  return pipeline !== undefined && errors.pipeline !== undefined && errors.pipeline !== pipeline
}

/** A letter without a time is in no range of time. */
function isInTime({ fromMs, toMs }: Selection, letter: DeadLetter): boolean {
  if (fromMs === undefined && toMs === undefined) return true
  const at = failedAt(letter)
  return at !== undefined && at >= (fromMs ?? -Infinity) && at < (toMs ?? Infinity)
}

/** Why it failed last; letters of Kafka Connect have the class of their exception. */
export function codeOf(letter: DeadLetter, marks: Marks): string {
  return marks.of(letter.id).last?.code ?? letter.errors.code ?? letter.errors['exception.class.name'] ?? 'unknown'
}

export function reasonOf(letter: DeadLetter, marks: Marks): string {
  return marks.of(letter.id).last?.message ?? letter.errors['exception.message'] ?? 'nothing says why'
}

export function stageOf(letter: DeadLetter, marks: Marks): string {
  return marks.of(letter.id).last?.stage ?? letter.errors.stage ?? 'unknown'
}
