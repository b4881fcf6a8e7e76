import type { Run } from './run.ts'
import type { Tally } from './tally.ts'

export interface Counted {
  readonly tally: Tally
  /** What the destination itself has used, where that is known. */
  readonly cpuSeconds?: number
}

/** Where the records of one run arrive and are counted. */
export interface Destination {
  /** How many have arrived, as well as can be told while more do. */
  arrived(): Promise<number>
  /** What has arrived, counted after the end. */
  count(): Promise<Counted>
}

/** The two ends of one run. */
export interface Route {
  readonly topic: string
  /** The URL of a server, the path of a file, or another topic. */
  readonly otherEnd: string
  readonly destination: Destination
}

/** What every subject is given to do, alike. */
export interface Job extends Route {
  readonly bootstrap: string
  readonly records: number
  /** Unique for each run, and fit for names and file names. */
  readonly id: string
  /** For configs and logs. */
  readonly folder: string
  readonly timeoutMs: number
  /** Told now and then how many records have arrived. */
  readonly onProgress: (records: number) => void
}

/** A program that moves all records from the one end to the other, and ends. */
export interface Subject {
  readonly name: string
  /** connect-run, in whatever way. */
  readonly ours?: boolean
  run(job: Job): Promise<Run>
}
