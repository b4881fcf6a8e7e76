import { createHash } from 'node:crypto'
import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'

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

/** Reads up to `length` bytes at `at`: fewer only where the file ends. */
export async function readAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, at + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

/** What would be known of a file that was read up to `at`. */
export async function seenAt(handle: FileHandle, at: number): Promise<Seen> {
  const head = await readAt(handle, 0, Math.min(HEAD_BYTES, at))
  const length = Math.min(TAIL_BYTES, at)
  return { head: Buffer.from(head), tail: Buffer.from(await readAt(handle, at - length, length)), at }
}

/** Whether the file is the one of a stored position, and still has the bytes before it. */
export async function matchesToken(handle: FileHandle, token: FileToken, offset: number): Promise<boolean> {
  const head = await readAt(handle, 0, token.head.length)
  if (fingerprint(head).hash !== token.head.hash) return false
  const tail = await readAt(handle, offset - token.tail.length, token.tail.length)
  return fingerprint(tail).hash === token.tail.hash
}

export type Likeness = 'same' | 'prefix' | 'other'

/**
 * How a file compares with what was read of another: it has the same bytes up to there, it is a beginning of them (a
 * copy that is being made, or was made earlier), or it is something else.
 */
export async function likeness(handle: FileHandle, size: number, seen: Seen): Promise<Likeness> {
  const length = Math.min(seen.head.length, size)
  if (length === 0) return seen.at > 0 ? 'prefix' : 'other'
  const head = await readAt(handle, 0, length)
  if (!head.equals(seen.head.subarray(0, length))) return 'other'
  if (size < seen.at) return 'prefix'
  const tail = await readAt(handle, seen.at - seen.tail.length, seen.tail.length)
  return tail.equals(seen.tail) ? 'same' : 'other'
}

/** Whether a file of this name may be what rotation made of the other: `app.log.1`, `app.log-20260101` of `app.log`. */
export function isRotatedName(candidate: string, original: string): boolean {
  if (path.dirname(candidate) !== path.dirname(original)) return false
  const name = path.basename(candidate)
  const of = path.basename(original)
  if (name.length > of.length && name.startsWith(of)) return /^[.\-_~]/.test(name.slice(of.length))
  const { name: stem, ext } = path.parse(of)
  return (
    name !== of && ext !== '' && name.startsWith(stem) && /^[.\-_]/.test(name.slice(stem.length)) && name.endsWith(ext)
  )
}
