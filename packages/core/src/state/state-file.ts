import { readFile } from 'node:fs/promises'
import { ConnectError } from '../api/errors.ts'
import type { PartitionPosition, Positions } from '../api/record.ts'

const FORMAT = 'connect-run-state'
const VERSION = 1

/** Text of a state file: one position a line, so that people can read and edit it. */
export function stateText(task: string, positions: Positions): string {
  const lines = positions.map((entry) => `    ${JSON.stringify(entry)}`)
  const head = `{\n  "format": "${FORMAT}",\n  "version": ${VERSION},\n  "task": ${JSON.stringify(task)},\n`
  return `${head}  "positions": [\n${lines.join(',\n')}\n  ]\n}\n`
}

/** Positions in the file; none where there is no file. Rejects with `STATE_UNREADABLE` rather than guess. */
export async function readStateFile(path: string, task: string): Promise<Positions> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw unreadable(path, (error as Error).message, error)
  }
  return parseState(path, text, task)
}

function parseState(path: string, text: string, task: string): Positions {
  let state: { format?: unknown; version?: unknown; task?: unknown; positions?: unknown } | null
  try {
    state = JSON.parse(text) as typeof state
  } catch (error) {
    throw unreadable(path, text === '' ? 'it is empty' : 'it is not complete JSON', error)
  }
  if (state?.format !== FORMAT) throw unreadable(path, 'it is no state file')
  if (state.version !== VERSION) {
    throw unreadable(path, `it has version ${String(state.version)}, and this worker reads version ${VERSION}`)
  }
  if (state.task !== task) throw unreadable(path, `it belongs to the task ${JSON.stringify(state.task)}`)
  const { positions } = state
  if (!Array.isArray(positions) || !positions.every(isPartitionPosition)) {
    throw unreadable(path, 'its positions are not in order')
  }
  return positions
}

function isPartitionPosition(entry: unknown): entry is PartitionPosition {
  const { stream, partition, position } = (entry ?? {}) as Partial<PartitionPosition>
  return typeof stream === 'string' && Number.isSafeInteger(partition) && Number.isSafeInteger(position?.offset)
}

function unreadable(path: string, reason: string, cause?: unknown): ConnectError {
  return new ConnectError('STATE_UNREADABLE', `can't read the state in ${path}: ${reason}`, {
    hint: 'restore the file from a backup, or delete it to read the source from its beginning again',
    cause,
  })
}
