import { readFile, stat } from 'node:fs/promises'
import { ConnectError } from '../api/errors.ts'
import { type LedgerEntry, isLedgerEntry } from './ledger-entry.ts'
import { isPartitionPosition } from './positions.ts'
import type { StoredState } from './state-store.ts'

const FORMAT = 'connect-run-state'
/** 1 had neither ledger nor time. */
const VERSION = 2

/** Text of a state file: one position or ledger entry a line, so that people can read and edit it. */
export function stateText({ task, positions, ledger, savedAtMs }: StoredState): string {
  const head = [
    `  "format": ${JSON.stringify(FORMAT)},`,
    `  "version": ${VERSION},`,
    `  "task": ${JSON.stringify(task)},`,
    `  "savedAt": ${JSON.stringify(new Date(savedAtMs).toISOString())},`,
  ]
  const body = `  "positions": ${lines(positions)},\n  "ledger": ${lines(ledger)}`
  return `{\n${head.join('\n')}\n${body}\n}\n`
}

function lines(entries: readonly object[]): string {
  return `[\n${entries.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n')}\n  ]`
}

/** What is in the file; undefined where there is no file. Rejects with `STATE_UNREADABLE` rather than guess. */
export async function readStateFile(path: string, task: string): Promise<StoredState | undefined> {
  let text: string
  let writtenAtMs: number
  try {
    text = await readFile(path, 'utf8')
    writtenAtMs = (await stat(path)).mtimeMs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(path, (error as Error).message, error)
  }
  return parseState(path, text, { task, writtenAtMs })
}

interface StateFile {
  readonly format?: unknown
  readonly version?: unknown
  readonly task?: unknown
  readonly savedAt?: unknown
  readonly positions?: unknown
  readonly ledger?: unknown
}

function parseState(path: string, text: string, known: { task: string; writtenAtMs: number }): StoredState {
  const file = parseFile(path, text)
  if (file.task !== known.task) throw unreadable(path, `it belongs to the task ${JSON.stringify(file.task)}`)
  const { positions } = file
  if (!Array.isArray(positions) || !positions.every(isPartitionPosition)) {
    throw unreadable(path, 'its positions are not in order')
  }
  const stored = { task: known.task, positions }
  if (file.version === 1) return { ...stored, ledger: [], savedAtMs: known.writtenAtMs }
  const savedAtMs = Date.parse(String(file.savedAt))
  if (Number.isNaN(savedAtMs)) throw unreadable(path, 'its time is not in order')
  return { ...stored, ledger: ledgerOf(path, file.ledger), savedAtMs }
}

function parseFile(path: string, text: string): StateFile {
  let file: StateFile | null
  try {
    file = JSON.parse(text) as StateFile | null
  } catch (error) {
    throw unreadable(path, text === '' ? 'it is empty' : 'it is not complete JSON', error)
  }
  if (file?.format !== FORMAT) throw unreadable(path, 'it is no state file')
  if (file.version !== 1 && file.version !== VERSION) {
    throw unreadable(path, `it has version ${String(file.version)}, and this worker reads versions 1 and ${VERSION}`)
  }
  return file
}

function ledgerOf(path: string, ledger: unknown): readonly LedgerEntry[] {
  if (Array.isArray(ledger) && ledger.every(isLedgerEntry)) return ledger
  throw unreadable(path, 'its ledger is not in order')
}

function unreadable(path: string, reason: string, cause?: unknown): ConnectError {
  return new ConnectError('STATE_UNREADABLE', `can't read the state in ${path}: ${reason}`, {
    hint: 'restore the file from a backup, or delete it to read the source from its beginning again',
    cause,
  })
}
