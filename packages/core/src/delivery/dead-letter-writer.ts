import { ConnectError, errorKind, isRetriable } from '../api/errors.ts'
import type { SinkTask } from '../api/sink-task.ts'
import type { Clock } from '../api/task-context.ts'
import type { StageFailure } from '../pipeline/stage.ts'
import { packRecords } from '../records/batch-builder.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { type Health, describe } from '../worker/health.ts'
import { backoffMs } from './backoff.ts'
import { type DeadLetterContext, type GivenUp, deadLetter } from './dead-letter.ts'

const PAUSE = { initialDelayMs: 100, maxDelayMs: 30_000 }

export interface DeadLetterWriterParts {
  readonly sink: SinkTask
  /** Where they go, for the log. */
  readonly target: string
  readonly health: Health
  readonly clock: Clock
  readonly random: () => number
  readonly stopping: AbortSignal
  readonly signal: AbortSignal
}

/** Writes dead letters one batch at a time, and waits for them: a position never passes one that is not safe. */
export class DeadLetterWriter {
  readonly #parts: DeadLetterWriterParts
  readonly #ending: AbortSignal
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: DeadLetterWriterParts) {
    this.#parts = parts
    this.#ending = AbortSignal.any([parts.stopping, parts.signal])
  }

  get target(): string {
    return this.#parts.target
  }

  /** Resolves true when they are durable, false when a stop cut the wait short. Rejects when they can't be written. */
  write(failures: readonly StageFailure[], context: DeadLetterContext, givenUp: GivenUp): Promise<boolean> {
    const next = this.#last.then(() => this.#write(() => lettersOf(failures, context, givenUp)))
    this.#last = next.catch(() => undefined)
    return next
  }

  async stop(): Promise<void> {
    await this.#last
    await this.#parts.sink.stop()
  }

  async #write(pack: () => RecordBatch): Promise<boolean> {
    const { sink, health, clock, random, signal } = this.#parts
    let batch: RecordBatch | undefined
    for (let attempt = 1; ; attempt++) {
      try {
        batch ??= pack()
        await health.watched(putDurably(sink, batch, signal))
        health.succeeded()
        return true
      } catch (error) {
        if (signal.aborted) return false
        // After a partial failure the whole batch is written again: a dead letter twice is better than none.
        if (!isRetriable(error) && !onlyRetriable(error)) throw cannot(error, this.#parts.target)
        if (this.#ending.aborted) return false
        health.failed(error)
        await clock.sleep(backoffMs(PAUSE, attempt, random), this.#ending).catch(() => undefined)
      }
    }
  }
}

async function putDurably(sink: SinkTask, batch: RecordBatch, signal: AbortSignal): Promise<void> {
  await sink.put(batch, signal)
  await sink.flush?.(signal)
}

/** One for each record, also where several pieces of it failed. */
function lettersOf(failures: readonly StageFailure[], context: DeadLetterContext, givenUp: GivenUp): RecordBatch {
  const pieces = new Set<number>()
  const letters = failures.flatMap((failure) => {
    const { batch, row } = failure
    if (batch.isSplit && pieces.has(batch.origin(row))) return []
    if (batch.isSplit) pieces.add(batch.origin(row))
    return [deadLetter(failure, context, givenUp)]
  })
  return packRecords(letters)
}

function onlyRetriable(error: unknown): boolean {
  if (errorKind(error) !== 'partial') return false
  return (error as { failures: readonly { error: unknown }[] }).failures.every((failure) => isRetriable(failure.error))
}

function cannot(error: unknown, target: string): ConnectError {
  return new ConnectError('DEAD_LETTER_FAILED', `a record can't be dead-lettered to ${target}: ${describe(error)}`, {
    hint: 'nothing is lost: the position stays before the record; let the target take it, or choose another',
    cause: error,
  })
}
