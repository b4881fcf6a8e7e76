import { open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../state/durable-file.ts'
import { linesOf } from './file-queue.ts'
import { parseLine } from './letter-line.ts'
import { type DeadLetter, letterOf } from './letter.ts'
import { purgeDrafts, seal, sealedSegments } from './segments.ts'

export interface PurgeOptions {
  readonly isPurged: (letter: DeadLetter) => boolean
  readonly nowMs: number
  readonly signal: AbortSignal
}

export interface PurgeResult {
  /** How many letters, among them copies of one. */
  readonly purged: number
  /** Letters that were removed. */
  readonly gone: ReadonlySet<string>
  /** Letters that stay. */
  readonly left: ReadonlySet<string>
}

/**
 * Removes letters from a dead letter file while pipelines may be writing it. First the file is moved away, so that it
 * does not grow any more: a pipeline that was just writing to it notices, and writes the same letters again to the new
 * file (see `DeadLetterFile`). What was moved is then written anew without the letters, and put in its place. A crash
 * at any moment leaves every letter that was to stay. The caller holds the journal, so that there is one purge at a time.
 */
export async function purgeFile(path: string, options: PurgeOptions): Promise<PurgeResult> {
  for (const draft of await purgeDrafts(path)) await unlink(draft)
  await seal(path, options.nowMs)
  const found = { gone: new Set<string>(), left: new Set<string>() }
  let purged = 0
  for (const segment of await sealedSegments(path)) purged += await purgeSegment(segment, found, options)
  await syncFolder(dirname(path))
  return { purged, ...found }
}

/** Also keeps lines that are no dead letters: nobody knows what they are. Returns how many are gone. */
async function purgeSegment(
  path: string,
  { gone, left }: { readonly gone: Set<string>; readonly left: Set<string> },
  { isPurged, signal }: PurgeOptions,
): Promise<number> {
  const segment = await open(path, 'r')
  const draft = await open(`${path}.tmp`, 'w', 0o600)
  let purged = 0
  let kept = 0
  try {
    for await (const { text, number } of linesOf(segment, signal)) {
      const found = parseLine(text)
      const letter = found === undefined ? undefined : letterOf(found, { container: path, number })
      if (letter !== undefined && isPurged(letter)) {
        purged++
        gone.add(letter.id)
        continue
      }
      kept++
      if (letter !== undefined) left.add(letter.id)
      await draft.appendFile(`${text}\n`)
    }
    await draft.sync()
  } finally {
    await draft.close()
    await segment.close()
  }
  if (purged > 0 && kept > 0) await rename(`${path}.tmp`, path)
  else await unlink(`${path}.tmp`)
  if (kept === 0) await unlink(path)
  return purged
}
