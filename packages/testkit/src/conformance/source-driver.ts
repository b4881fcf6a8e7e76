import type { ConnectorPlugin, Header } from '@connect-run/core'
import type { Skipped } from './check.ts'
import type { Options } from './validated.ts'

/** A record to be read. */
export interface SeedRecord {
  /** Which of two partitions it belongs to, 0 or 1; a source with one partition takes no notice. */
  readonly partition: number
  readonly key: Buffer | null
  /** JSON of one line, unless a check is about something else. Null is a tombstone. */
  readonly value: Buffer | null
  readonly headers: readonly Header[]
}

/** How the conformance checks of a source get at its other end. */
export interface SourceDriver {
  readonly plugin: ConnectorPlugin
  /** Valid options of a source with nothing to read yet. Called once or more for each check. */
  options(): Promise<Options>
  /**
   * Puts records where a source with these options reads them, in order. Left out for a source that makes records
   * of its own: at least 60, and the same ones for the same options.
   */
  seed?(options: Options, records: readonly SeedRecord[]): Promise<void>
  /** Options of a source that can't start: the other side is not there. */
  unreachable?(): Promise<Options>
  /** What the source passes on besides values that are not empty; the rest is not asked of it. Default: none. */
  readonly carries?: {
    readonly keys?: boolean
    readonly headers?: boolean
    readonly tombstones?: boolean
    readonly emptyValues?: boolean
    readonly largestValueBytes?: number
  }
  /** Frees what `options` and `seed` made. */
  cleanUp?(options: Options): Promise<void>
  /** For one step of a check, in milliseconds. Default 10,000. */
  readonly deadlineMs?: number
  /** Checks left out, by name, with the reason. */
  readonly skip?: Skipped
}
