import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { ConnectError, type PartitionPosition, crashPoint } from '@connect-run/core'
import { cannotSync, cannotWrite } from './file-problem.ts'
import { type Files, syncFolder } from './files.ts'

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
  /** The file's number among those that were begun at this path. */
  readonly sequence: number
  /** Its inode. Not its device, which may have another number once it is mounted again. */
  readonly file: string
  /** When its first line was written, in milliseconds since 1970. */
  readonly since: number
  readonly length: number
  readonly tail: string
  /** The inodes of the files that were begun after it: all that they hold is behind the positions. */
  readonly later: readonly string[]
  readonly partitions: readonly CheckpointEntry[]
}

/** Beside the file that it speaks of. */
export function checkpointPath(file: string): string {
  return `${file}.checkpoint`
}

/** Undefined where there is none. Throws `STATE_UNREADABLE` rather than guess. */
export async function readCheckpoint(files: Files, file: string): Promise<Checkpoint | undefined> {
  const from = checkpointPath(file)
  let text: string
  try {
    text = await files.readFile(from, 'utf8')
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
export async function writeCheckpoint(files: Files, file: string, checkpoint: Checkpoint): Promise<void> {
  const to = checkpointPath(file)
  try {
    await writeDraft(files, `${to}.tmp`, checkpoint)
    crashPoint('checkpoint-synced')
    await files.rename(`${to}.tmp`, to)
    crashPoint('checkpoint-renamed')
  } catch (error) {
    // A draft is written anew as a whole, so that it may also be tried again when it could not be synced.
    throw cannotWrite(to, error)
  }
  try {
    await syncFolder(files, path.dirname(to))
  } catch (error) {
    throw cannotSync(to, error)
  }
}

/** A hash of the bytes before `length`. */
export async function tailBefore(file: FileHandle, length: number): Promise<string> {
  const size = Math.min(TAIL_BYTES, length)
  const bytes = Buffer.alloc(size)
  await file.read(bytes, 0, size, length - size)
  return createHash('sha256').update(bytes).digest('hex')
}

async function writeDraft(files: Files, to: string, checkpoint: Checkpoint): Promise<void> {
  const draft = await files.open(to, 'w', OWNER_ONLY)
  try {
    await draft.writeFile(`${JSON.stringify({ format: FORMAT, version: VERSION, ...checkpoint }, undefined, 2)}\n`)
    await draft.sync()
  } finally {
    await draft.close()
  }
}

function unreadable(from: string, reason: string): ConnectError {
  return new ConnectError('STATE_UNREADABLE', `can't read the checkpoint ${from}: ${reason}`, {
    hint: 'Restore it, or remove it to go on behind what the file holds, from where the source says.',
  })
}
