import type { DeadLetter, LetterPlace } from './letter.ts'

/** Some letters of a queue, in its order. */
export interface QueuePage {
  readonly letters: readonly DeadLetter[]
  /** Places where something stands that is no dead letter. */
  readonly damaged: readonly LetterPlace[]
}

/** A dead letter queue as one reads it. */
export interface DeadLetterQueue {
  /** Where it is, for people. */
  readonly target: string
  /** All that is there now. What is added meanwhile may be left out. May be called again. */
  read(signal: AbortSignal): AsyncIterable<QueuePage>
}
