import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'
import { ConnectError } from '../api/errors.ts'
import { parseLine } from './letter-line.ts'
import { type DeadLetter, type LetterPlace, letterOf } from './letter.ts'
import type { DeadLetterQueue, QueuePage } from './queue.ts'
import { sealedSegments } from './segments.ts'

const PAGE_LETTERS = 500
const PAGE_BYTES = 4 * 1024 * 1024
/** How often files may be moved while they are being opened. */
const OPEN_ATTEMPTS = 10

/** The letters of a dead letter file and of those that were set aside when they were full, oldest first. */
export function fileQueue(path: string): DeadLetterQueue {
  return {
    target: path,
    async *read(signal) {
      const segments = await openAll(path)
      try {
        for (const segment of segments) yield* pagesOf(segment, signal)
      } finally {
        await Promise.all(segments.map(({ file }) => file.close()))
      }
    },
  }
}

interface Segment {
  readonly path: string
  readonly file: FileHandle
}

/** All at once, so that a file that is moved away meanwhile is neither missed nor read twice. */
async function openAll(path: string): Promise<Segment[]> {
  for (let attempt = 1; ; attempt++) {
    const before = await sealedSegments(path)
    const opened = await Promise.all([...before, path].map(openSegment))
    const segments = opened.filter((segment) => segment !== undefined)
    const after = await sealedSegments(path)
    if (before.join() === after.join() || attempt === OPEN_ATTEMPTS) return segments
    await Promise.all(segments.map(({ file }) => file.close()))
  }
}

async function openSegment(path: string): Promise<Segment | undefined> {
  try {
    return { path, file: await open(path, 'r') }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new ConnectError('FILE_UNREADABLE', `can't read dead letters from ${path}: ${(error as Error).message}`, {
      hint: 'only the user that the pipeline runs as may read the file: run this command as that user',
      cause: error,
    })
  }
}

async function* pagesOf({ path, file }: Segment, signal: AbortSignal): AsyncGenerator<QueuePage, void> {
  let letters: DeadLetter[] = []
  let damaged: LetterPlace[] = []
  let bytes = 0
  for await (const { text, number } of linesOf(file, signal)) {
    const place = { container: basename(path), number }
    const found = parseLine(text)
    if (found === undefined) damaged.push(place)
    else letters.push(letterOf(found, place))
    bytes += text.length
    if (letters.length + damaged.length < PAGE_LETTERS && bytes < PAGE_BYTES) continue
    yield { letters, damaged }
    letters = []
    damaged = []
    bytes = 0
  }
  if (letters.length + damaged.length > 0) yield { letters, damaged }
}

export interface Line {
  readonly text: string
  /** From 1. */
  readonly number: number
}

/** The lines of a file that end, without those that are empty. One that does not end yet is still being written. */
export async function* linesOf(file: FileHandle, signal: AbortSignal): AsyncGenerator<Line, void> {
  let rest: Buffer[] = []
  let number = 0
  for await (const chunk of file.createReadStream({ autoClose: false, start: 0, signal }) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      number++
      const text = Buffer.concat([...rest, chunk.subarray(from, end)]).toString('utf8')
      rest = []
      from = end + 1
      if (text !== '') yield { text, number }
    }
    if (from < chunk.length) rest.push(chunk.subarray(from))
  }
}
