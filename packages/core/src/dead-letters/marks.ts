/** How a letter failed again when it was replayed. */
export interface FailedAgain {
  readonly id: string
  readonly code: string
  readonly stage: string
  readonly message: string
}

/** What replays have made of a letter. */
export interface LetterMarks {
  /** When it reached the sink, or was filtered on purpose, in milliseconds since 1970. */
  readonly replayedMs: number | undefined
  /** How often a replay has tried it in vain. */
  readonly attempts: number
  readonly last: FailedAgain | undefined
}

/** What a journal is told: a chunk begins, some of its letters fail, and it is done; a summary stands for what was. */
export type JournalEntry =
  | { readonly chunk: number; readonly key: string; readonly letters: readonly string[] }
  | { readonly chunk: number; readonly failed: readonly FailedAgain[] }
  | { readonly chunk: number; readonly doneMs: number }
  | { readonly chunk: number; readonly summary: readonly (readonly [string, LetterMarks])[] }

/** A chunk on its way. Its key is never used again, not even in another journal: a sink may remember it. */
export interface OpenChunk {
  readonly number: number
  readonly key: string
  readonly letters: readonly string[]
  readonly failed: readonly FailedAgain[]
}

const NO_MARKS: LetterMarks = { replayedMs: undefined, attempts: 0, last: undefined }

/** What changes when a chunk is done. */
export interface Outcome {
  readonly marks: readonly (readonly [id: string, marks: LetterMarks])[]
  /** It, and those of whose letters none is left that has not come since. */
  readonly settled: readonly OpenChunk[]
}

/** Which letters of a queue were replayed, as their journal says. */
export class Marks {
  readonly #marks = new Map<string, LetterMarks>()
  /** Chunks that were begun and are not done, by number: nobody but their sinks knows whether they were written. */
  readonly #open = new Map<number, OpenChunk>()
  #last = 0

  of(id: string): LetterMarks {
    return this.#marks.get(id) ?? NO_MARKS
  }

  get lastChunk(): number {
    return this.#last
  }

  get openChunks(): readonly OpenChunk[] {
    return [...this.#open.values()]
  }

  take(entry: JournalEntry): void {
    const { chunk: number } = entry
    this.#last = Math.max(this.#last, number)
    if ('summary' in entry) for (const [id, marks] of entry.summary) this.#marks.set(id, marks)
    else if ('letters' in entry) this.#open.set(number, { number, key: entry.key, letters: entry.letters, failed: [] })
    else this.#change(entry)
  }

  /** All that is known of these letters, and the chunks that are not done, whatever their letters. */
  summary(ids: ReadonlySet<string>): JournalEntry[] {
    const entries: JournalEntry[] = [{ chunk: this.#last, summary: [...this.#marks].filter(([id]) => ids.has(id)) }]
    for (const { number: chunk, key, letters, failed } of this.#open.values()) {
      entries.push({ chunk, key, letters })
      if (failed.length > 0) entries.push({ chunk, failed })
    }
    return entries
  }

  outcome(number: number, doneMs: number): Outcome {
    const chunk = this.#open.get(number)
    if (chunk === undefined) return { marks: [], settled: [] }
    const failures = new Map(chunk.failed.map((failure) => [failure.id, failure]))
    const marks = new Map<string, LetterMarks>()
    for (const id of chunk.letters) {
      const last = failures.get(id)
      const { attempts } = this.of(id)
      marks.set(
        id,
        last === undefined ? { replayedMs: doneMs, attempts, last } : { ...NO_MARKS, attempts: attempts + 1, last },
      )
    }
    const isReplayed = (id: string): boolean => (marks.get(id) ?? this.of(id)).replayedMs !== undefined
    const settled = this.openChunks.filter((open) => open === chunk || open.letters.every(isReplayed))
    return { marks: [...marks], settled }
  }

  #change(entry: Exclude<JournalEntry, { readonly letters: unknown } | { readonly summary: unknown }>): void {
    const open = this.#open.get(entry.chunk)
    if (open === undefined) return
    if ('failed' in entry) {
      this.#open.set(entry.chunk, { ...open, failed: entry.failed })
      return
    }
    const { marks, settled } = this.outcome(entry.chunk, entry.doneMs)
    for (const [id, mark] of marks) this.#marks.set(id, mark)
    for (const { number } of settled) this.#open.delete(number)
  }
}
