import type { Partition, Positions } from '@connect-run/core'
import {
  type LedgerEntry,
  type StateChanges,
  type StoredState,
  isLedgerEntry,
  isPartitionPosition,
} from '@connect-run/core/runtime'
import { nameOf, parseClaimant } from './claimant.ts'

/** Of the hash that a task is kept in. */
export const FORMAT = '1'

/** What of a change goes into the hash: fields with their values in turn, and fields that go. */
export interface FieldChanges {
  readonly set: readonly string[]
  readonly remove: readonly string[]
}

export function changedFields({ positions, ledger = [] }: StateChanges): FieldChanges {
  const set: string[] = []
  const remove: string[] = []
  for (const entry of positions) {
    if (entry.position.ended === true) remove.push(positionField(entry))
    else set.push(positionField(entry), JSON.stringify(entry.position))
  }
  for (const entry of ledger) {
    if (entry.read === 0) remove.push(ledgerField(entry))
    else set.push(ledgerField(entry), JSON.stringify(entry))
  }
  return { set, remove }
}

function positionField({ stream, partition }: Partition): string {
  return `p:${partition} ${stream}`
}

function ledgerField({ stream, partition }: Partition): string {
  return `l:${partition} ${stream}`
}

/** What fields and values in turn say of a task; throws, with what is wrong, rather than guess. */
export function storedState(task: string, flat: readonly string[]): StoredState {
  const positions: Positions[number][] = []
  const ledger: LedgerEntry[] = []
  const facts = new Map<string, string>()
  for (let i = 0; i < flat.length; i += 2) {
    const field = flat[i]!
    const value = flat[i + 1]!
    if (field.startsWith('p:')) positions.push(readPosition(field, value))
    else if (field.startsWith('l:')) ledger.push(readEntry(field, value))
    else facts.set(field, value)
  }
  const format = facts.get('format')
  if (format !== FORMAT) throw new Error(`it has format ${format ?? 'none'}, and this worker reads ${FORMAT}`)
  if (facts.get('task') !== task) throw new Error(`it belongs to the task ${JSON.stringify(facts.get('task'))}`)
  return { task, positions, ledger, savedAtMs: Number(facts.get('savedAt') ?? 0) }
}

/** The holder of an unexpired claim among the fields, for people. */
export function holderIn(flat: readonly string[], nowMs: number): string | undefined {
  const facts = new Map(flat.flatMap((field, i) => (i % 2 === 0 ? [[field, flat[i + 1]!] as const] : [])))
  if ((facts.get('owner') ?? '') === '' || Number(facts.get('until') ?? 0) <= nowMs) return undefined
  return nameOf(parseClaimant(facts.get('holder') ?? ''))
}

function readPosition(field: string, value: string): Positions[number] {
  const name = /^p:(-?\d+) (.*)$/s.exec(field)
  const entry = { stream: name?.[2], partition: Number(name?.[1]), position: parsed(value) }
  if (isPartitionPosition(entry)) return entry
  throw new Error(`the position in ${JSON.stringify(field)} is not in order`)
}

function readEntry(field: string, value: string): LedgerEntry {
  const entry = parsed(value)
  if (isLedgerEntry(entry)) return entry
  throw new Error(`the ledger in ${JSON.stringify(field)} is not in order`)
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}
