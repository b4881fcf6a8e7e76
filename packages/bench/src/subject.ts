import type { Run } from './run.ts'
import type { SinkProcess } from './sink-process.ts'

/** What every subject is given to do, alike. */
export interface Job {
  readonly bootstrap: string
  readonly topic: string
  readonly sink: SinkProcess
  /** Unique for each run, and fit for names and file names. */
  readonly id: string
  /** For configs and logs. */
  readonly folder: string
  readonly timeoutMs: number
  /** Told now and then how many records have arrived. */
  readonly onProgress: (records: number) => void
}

/** A program that moves the records of a topic from beginning to end, and ends. */
export interface Subject {
  readonly name: string
  run(job: Job): Promise<Run>
}
