import type { RecordError } from '@connect-run/core'

/** Takes the records that a splitter finds. Positions count bytes of the (inflated) file. */
export interface RecordOut {
  /** Whether it has enough: a splitter may stop then. */
  isFull(): boolean
  /** Bytes `start` (inclusive) to `end` (exclusive) of `bytes` are a record's value; it begins at `at` in the file. */
  bytes(bytes: Buffer, start: number, end: number, at: number): void
  /** A decoded value, made from `size` bytes that begin at `at`. */
  value(value: unknown, size: number, at: number): void
  /** A record that can't be handed on, with the beginning of its bytes. */
  failed(error: RecordError, head: Buffer, at: number): void
}

/**
 * Cuts a file into records. It is fed the file's bytes in order, from the beginning or from a place where it left off,
 * and keeps what is incomplete. A record's `at` is always a place where another splitter, made with `token`, may go on.
 */
export interface Splitter {
  /**
   * Takes the next bytes, of which the first stands at `at` in the file, and returns how many it took: fewer than all
   * only where `out` is full, and then it must be given the rest again. Keeps no reference to `block` after it returns.
   */
  push(block: Buffer, at: number, out: RecordOut): number
  /** No more bytes come, or none for a long time: what is left becomes the last record, or a failed one. */
  finish(out: RecordOut): void
  /** Where to go on after the last record that was handed out. */
  readonly resumeAt: number
  /** Small JSON that a new splitter needs to go on at `resumeAt`, or at the `at` of a record handed out before; else undefined. */
  readonly token: unknown
  /** Bytes held back of an incomplete record. */
  readonly pending: number
}
