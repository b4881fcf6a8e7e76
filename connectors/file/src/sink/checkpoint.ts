import { createHash } from 'node:crypto'
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { ConnectError, type PartitionPosition } from '@connect-run/core'

const FORMAT = 'connect-run-file-checkpoint'
const VERSION = 1
/** So many bytes before the checkpoint tell whether the file is the one that was written. */
const TAIL_BYTES = 4096
const OWNER_ONLY = 0o600

/** A partition in a checkpoint. */
export interface CheckpointEntry extends PartitionPosition {
  /**
   * The source's store holds an offset from `from` to `to`: it is written after the checkpoint, so it may be behind.
   * Null: it may hold none yet.
   */
  readonly stored: { readonly from: number | null; readonly to: number }
}

/** Up to where a file holds exactly what is before the positions, and nothing else. */
export interface Checkpoint {
  readonly file: string
  readonly length: number
  readonly tail: string
  readonly partitions: readonly CheckpointEntry[]
}

/** Beside the file that it speaks of. */
export function checkpointPath(file: string): string {
  return `${file}.checkpoint`
}

/** Undefined where there is none. Throws `STATE_UNREADABLE` rather than guess. */
export async function readCheckpoint(file: string): Promise<Checkpoint | undefined> {
  const from = checkpointPath(file)
  let text: string
  try {
    text = await readFile(from, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(from, (error as Error).message)
  }
  try {
    const { format, version, ...checkpoint } = JSON.parse(text) as Checkpoint & { format: unknown; version: unknown }
    if (format === FORMAT && version === VERSION && Array.isArray(checkpoint.partitions)) return checkpoint
  } catch {
    // Said below: what can't be read is no checkpoint.
  }
  throw unreadable(from, `it is no checkpoint of version ${VERSION}`)
}

/** Whoever reads it, after whatever crash, finds the old checkpoint or the new one. */
export async function writeCheckpoint(file: string, checkpoint: Checkpoint): Promise<void> {
  const to = checkpointPath(file)
  const draft = await open(`${to}.tmp`, 'w', OWNER_ONLY)
  try {
    await draft.writeFile(`${JSON.stringify({ format: FORMAT, version: VERSION, ...checkpoint }, undefined, 2)}\n`)
    await draft.sync()
  } finally {
    await draft.close()
  }
  await rename(`${to}.tmp`, to)
  await syncFolder(path.dirname(to))
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A hash of the bytes before `length`. */
export async function tailBefore(file: FileHandle, length: number): Promise<string> {
  const size = Math.min(TAIL_BYTES, length)
  const bytes = Buffer.alloc(size)
  await file.read(bytes, 0, size, length - size)
  return createHash('sha256').update(bytes).digest('hex')
}

function unreadable(from: string, reason: string): ConnectError {
  return new ConnectError('STATE_UNREADABLE', `can't read the checkpoint ${from}: ${reason}`, {
    hint: 'Restore it, or remove it to go on behind what the file holds, from where the source says.',
  })
}
