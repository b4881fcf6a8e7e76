import { randomUUID } from 'node:crypto'
import type { FailedAgain, Marks, OpenChunk } from './marks.ts'
import type { PurgeResult } from './purge.ts'

/**
 * Remembers durably what was replayed, so that nothing is replayed twice, whatever interrupts it. Held by one process
 * at a time: the one that replays or purges. What is noted by one that holds it no longer is refused (`STATE_FENCED`)
 * or can't be, since it is dead.
 */
export interface ReplayJournal {
  readonly marks: Marks
  /** A chunk is about to be put into the sink. Numbers only grow; this one is above `after`. */
  begin(letters: readonly string[], after: number): Promise<OpenChunk>
  /** Some letters of the chunk that was begun last failed again; noted before the sink makes the others durable. */
  failed(chunk: OpenChunk, failed: readonly FailedAgain[]): Promise<void>
  /** The sink has every other letter of that chunk durably. */
  done(chunk: OpenChunk, doneMs: number): Promise<void>
  /** Letters were removed from the queue: what is known of them is not needed any more. */
  forget(purge: PurgeResult): Promise<void>
  /** Lets others have it. */
  close(): Promise<void>
}

/** The journal of the replays of one pipeline's dead letters, where it is kept. */
export interface JournalPlace {
  /** For people. */
  readonly location: string
  /** Looks at it without claiming it; nothing is marked where there is none. */
  read(): Promise<Marks>
  /** Rejects with `STATE_LOCKED` where another process replays or purges these letters; waits until one that may have died has surely. */
  open(signal: AbortSignal): Promise<ReplayJournal>
}

/** A place for journals that several hosts share. Made by a package that has one. */
export interface SharedJournals {
  /** Of a task: `<worker>-<pipeline>`. Does not connect before it is asked for something. */
  of(task: string): JournalPlace
}

/** A chunk with a number and a key of its own. */
export function newChunk({ lastChunk }: Marks, letters: readonly string[], after: number): OpenChunk {
  return { number: Math.max(lastChunk, after) + 1, key: randomUUID(), letters, failed: [] }
}
