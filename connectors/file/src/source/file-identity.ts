import { createHash } from 'node:crypto'
import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { isConnectError } from '@connect-run/core'
import { inflatedBlocks } from './format/inflate.ts'

/** Bytes from the beginning of a file that tell it apart from others. */
export const HEAD_BYTES = 1024
/** Bytes before a position that tell whether the file is still the one that was read up to there. */
export const TAIL_BYTES = 256

export interface Fingerprint {
  readonly length: number
  readonly hash: string
}

/** What a stored position remembers of its file. */
export interface FileToken {
  /** `device:inode`. */
  readonly file: string
  readonly head: Fingerprint
  readonly tail: Fingerprint
  /** Files that stood at the stream's path and exist since then may never have been seen. By the file system's clock. */
  readonly since: number
  /** Where a splitter goes on. */
  readonly format?: unknown
  /** The file was read to an end after which nothing can follow. */
  readonly done?: true
}

/** What is kept of the bytes that were read. */
export interface Seen {
  readonly head: Buffer
  /** The last bytes before `at`. */
  readonly tail: Buffer
  readonly at: number
}

export const NOTHING_SEEN: Seen = { head: Buffer.alloc(0), tail: Buffer.alloc(0), at: 0 }

export function fileId({ dev, ino }: Stats): string {
  return `${dev}:${ino}`
}

export function fingerprint(bytes: Buffer): Fingerprint {
  return { length: bytes.length, hash: createHash('sha256').update(bytes).digest('base64url').slice(0, 22) }
}

/** What was seen once the bytes from `block[from]` on, which follow it, were read too. */
export function seenMore(seen: Seen, block: Buffer, from: number): Seen {
  const fresh = block.subarray(from)
  const missing = HEAD_BYTES - seen.head.length
  const head = missing > 0 && seen.at < HEAD_BYTES ? Buffer.concat([seen.head, fresh.subarray(0, missing)]) : seen.head
  const tail = Buffer.from(block.subarray(Math.max(0, block.length - TAIL_BYTES)))
  return { head, tail, at: seen.at + fresh.length }
}

/** A file whose bytes are looked at: as they are, or inflated. Positions count the latter. */
export interface Content {
  readonly handle: FileHandle
  readonly gzip: boolean
}

/**
 * Reads up to `length` bytes at `at`: fewer than `least` only where the file ends. Behind them, in the same memory, is
 * `room` for more.
 */
export async function readAt(
  handle: FileHandle,
  at: number,
  { length, least = length, room = 0 }: { readonly length: number; readonly least?: number; readonly room?: number },
): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length + room)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, at + filled)
    filled += bytesRead
    if (bytesRead === 0 || filled >= least) break
  }
  return buffer.subarray(0, filled)
}

/** Up to `length` bytes of the content at `at`: fewer where it ends, or where a compressed file is not whole. */
async function contentAt({ handle, gzip }: Content, at: number, length: number): Promise<Buffer> {
  if (!gzip || length === 0) return readAt(handle, at, { length })
  const blocks: Buffer[] = []
  let filled = 0
  try {
    const read = (from: number, most: number): Promise<Buffer> => readAt(handle, from, { length: most })
    for await (const block of inflatedBlocks(read, at, new AbortController().signal)) {
      blocks.push(block)
      filled += block.length
      if (filled >= length) break
    }
  } catch (error) {
    if (!isConnectError(error)) throw error
  }
  return Buffer.concat(blocks).subarray(0, length)
}

/** What would be known of a file that was read up to `at`, with up to so many bytes before it. */
export async function seenAt(content: Content, at: number, tailBytes: number = TAIL_BYTES): Promise<Seen> {
  const head = await contentAt(content, 0, Math.min(HEAD_BYTES, at))
  const length = Math.min(tailBytes, at)
  return { head: Buffer.from(head), tail: Buffer.from(await contentAt(content, at - length, length)), at }
}

/** What there is at the beginning of a file of which nothing was read. */
export async function headOf(content: Content): Promise<Seen> {
  const head = await contentAt(content, 0, HEAD_BYTES)
  return { head, tail: NOTHING_SEEN.tail, at: head.length }
}

/** Whether the file is the one of a stored position, and still has the bytes before it. */
export async function matchesToken(
  content: Content,
  token: FileToken,
  { offset, id }: { readonly offset: number; readonly id: string },
): Promise<boolean> {
  const head = await contentAt(content, 0, token.head.length)
  if (fingerprint(head).hash !== token.head.hash) return false
  // To look at the end of a compressed file is to inflate all of it, and nobody appends to one.
  if (content.gzip && id === token.file) return true
  const tail = await contentAt(content, offset - token.tail.length, token.tail.length)
  return fingerprint(tail).hash === token.tail.hash
}

export type Likeness = 'same' | 'prefix' | 'other'

/**
 * How a file compares with what was read of another: it has the same bytes up to there, it is a beginning of them (a
 * copy that is being made, or was made earlier), or it is something else.
 */
export async function likeness(content: Content, seen: Seen): Promise<Likeness> {
  if (seen.at === 0) return 'other'
  const head = await contentAt(content, 0, seen.head.length)
  if (!head.equals(seen.head.subarray(0, head.length))) return 'other'
  const tail = await contentAt(content, seen.at - seen.tail.length, seen.tail.length)
  if (head.length < seen.head.length || tail.length < seen.tail.length) return 'prefix'
  return tail.equals(seen.tail) ? 'same' : 'other'
}

/** Whether a file of this name may be what rotation made of the other: `app.log.1`, `app.log.bak`, `app-2026.log`. */
export function isRotatedName(candidate: string, original: string): boolean {
  return /^[.\-_~]/.test(markOf(candidate, original) ?? '')
}

/** Whether the name says so beyond doubt: by a number or a date, as in `app.log.1`, `app.1.log`, `app.log-20260101`. */
export function isNumberedName(candidate: string, original: string): boolean {
  const mark = markOf(candidate, original)
  if (mark === undefined) return false
  const atEnd = candidate.startsWith(original)
  return atEnd ? /^[.\-_]\d[\d.\-_T:]*$/.test(mark) : /^(\.\d+|[.\-_]\d{4}[\d.\-_T:]{4,})$/.test(mark)
}

/** What rotation put behind the name, or before its extension. */
function markOf(candidate: string, original: string): string | undefined {
  const ext = path.extname(original)
  const stem = original.slice(0, original.length - ext.length)
  if (!candidate.startsWith(stem) || candidate.length <= original.length) return undefined
  const mark = candidate.startsWith(original)
    ? candidate.slice(original.length)
    : candidate.slice(stem.length, candidate.length - ext.length)
  const isOne = candidate.startsWith(original) || (ext !== '' && candidate.endsWith(ext))
  return isOne && !mark.includes(path.sep) ? mark : undefined
}
