import type { Logger } from '../api/task-context.ts'
import type { ParkingConfig } from '../config/pipeline-config.ts'
import type { PackedInput } from '../records/batch-builder.ts'

/** A record as it was read, which its sink refused for a reason that may pass. */
export interface ParkedRecord extends PackedInput {
  /** How often the sink was asked to take it before it was parked. */
  readonly attempts: number
  /** … and how often since. */
  readonly retries: number
  /** Milliseconds since 1970. */
  readonly firstFailureMs: number
}

/**
 * What an attempt has come to. `done`: written, dead-lettered or not wanted; it is removed. `refused`: it is tried again
 * after a pause that grows. `untried`: the attempt says nothing about it (a stop, a sink that is down) and does not count.
 */
export type ParkedFate = 'done' | 'refused' | 'untried'

export interface ParkingRequest {
  /** `<worker>-<pipeline>`: who shares the name shares the records. */
  readonly task: string
  readonly limits: ParkingConfig
  readonly logger: Logger
  readonly random: () => number
  /** Tries records that are due; one fate for each. Never rejects. May be called again before it has resolved. */
  readonly retry: (records: readonly ParkedRecord[]) => Promise<readonly ParkedFate[]>
}

/**
 * A durable place outside of the worker where records wait to be tried again while others go on. Made by a package
 * that has one, and handed to the worker; a record that can't be parked is tried again where it is.
 */
export interface ParkingLot {
  /** Opens the space of one task. Does not wait for the place to be reachable. */
  open(request: ParkingRequest): ParkingSpace
}

export interface ParkingSpace {
  /**
   * Resolves with how many of the records, from the first, are durable: fewer than given where there is no more room. A
   * record that is parked already is not parked twice. Rejects with a RetriableError (`PARKING_UNAVAILABLE`) where the
   * place can't be reached or does not keep what it is given; some may be parked nevertheless. Takes seconds at most.
   */
  park(records: readonly ParkedRecord[]): Promise<number>
  /** From now on records that are due are handed to `retry`, those of earlier runs and of other workers as well. */
  start(): void
  /** Hands out no more; resolves when no attempt is under way. What is not done stays parked. */
  close(): Promise<void>
}
