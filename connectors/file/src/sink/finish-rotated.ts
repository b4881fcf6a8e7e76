import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { crashPoint } from '@connect-run/core'
import { type Files, syncFolder, unlinkIfThere } from './files.ts'
import { type RotatedFile, listRotated, rotatedPath } from './rotated-names.ts'

export interface FinishOptions {
  /** The number of the first file that a cut back may still need. */
  readonly below: number
  readonly compress: boolean
  /** So many rotated files are kept. Undefined: all. */
  readonly keep: number | undefined
  readonly signal: AbortSignal
}

/**
 * Gives rotated files that no crash can bring back their lasting names, compressed where that is asked for, and removes
 * those that are too many. Whatever was cut short is found and done by the next call.
 */
export async function finishRotated(
  files: Files,
  file: string,
  { below, compress, keep, signal }: FinishOptions,
): Promise<void> {
  const found = (await listRotated(files, file)).filter(({ sequence }) => sequence < below)
  const drafts = new Map(found.filter(({ kind }) => kind === 'draft').map((draft) => [draft.sequence, draft.path]))
  for (const { sequence, path: waiting } of found.filter(({ kind }) => kind === 'waiting')) {
    const draft = drafts.get(sequence)
    if (draft !== undefined) await files.unlink(draft)
    drafts.delete(sequence)
    if (compress) await zip(files, { file, sequence, waiting, signal })
    else await files.rename(waiting, rotatedPath(file, sequence, 'plain'))
  }
  for (const [sequence, draft] of drafts) await files.rename(draft, rotatedPath(file, sequence, 'zipped'))
  if (keep !== undefined) await removeOld(files, await listRotated(files, file), keep)
}

interface ZipOptions {
  readonly file: string
  readonly sequence: number
  readonly waiting: string
  readonly signal: AbortSignal
}

/**
 * The plain file goes only when the compressed one is on the disk, and the compressed one gets its name only when the
 * plain one is gone: who sees either sees the lines once.
 */
async function zip(files: Files, { file, sequence, waiting, signal }: ZipOptions): Promise<void> {
  const draft = rotatedPath(file, sequence, 'draft')
  const plain = await files.open(waiting, 'r')
  try {
    const { mode, atime, mtime } = await plain.stat()
    const zipped = await files.open(draft, 'wx', mode)
    try {
      const lines = plain.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 })
      await pipeline(lines, createGzip(), (chunks) => writeAll(zipped, chunks as AsyncIterable<Buffer>), { signal })
      await zipped.chmod(mode)
      await zipped.utimes(atime, mtime)
      await zipped.sync()
    } catch (error) {
      // A part of it is of no use, and takes room where that may be what is lacking.
      await unlinkIfThere(files, draft).catch(() => undefined)
      throw error
    } finally {
      await zipped.close()
    }
  } finally {
    await plain.close()
  }
  await syncFolder(files, path.dirname(file))
  crashPoint('rotated-compressed')
  await files.unlink(waiting)
  crashPoint('rotated-plain-removed')
  await files.rename(draft, rotatedPath(file, sequence, 'zipped'))
}

async function writeAll(to: FileHandle, chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of chunks) {
    for (let done = 0; done < chunk.length;) done += (await to.write(chunk, done)).bytesWritten
  }
}

async function removeOld(files: Files, found: readonly RotatedFile[], keep: number): Promise<void> {
  const done = found.filter(({ kind }) => kind === 'plain' || kind === 'zipped')
  for (const { path: old } of done.slice(0, Math.max(0, done.length - keep))) await files.unlink(old)
}
