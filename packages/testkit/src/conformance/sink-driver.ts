import type { ConnectorPlugin, Header } from '@connect-run/core'
import type { Skipped } from './check.ts'
import type { Options } from './validated.ts'

/** A record to be written, without its coordinates. */
export interface SinkSeed {
  /** A Buffer is bytes; anything else is written as JSON, as a source would have read it. Default: none. */
  readonly key?: unknown
  /** A Buffer is bytes; null is a tombstone; anything else is written as JSON, as a source would have read it. */
  readonly value: unknown
  readonly headers?: readonly Header[]
}

/** How the conformance checks of a sink get at its other end. */
export interface SinkDriver {
  readonly plugin: ConnectorPlugin
  /** Valid options of a sink whose destination has nothing of an earlier check. Called once for each check. */
  options(): Promise<Options>
  /** Record number `n`: one that the sink takes, and whose number `read` finds again. */
  record(n: number): SinkSeed
  /** The numbers at the destination, in its order; a number as often as it is there. */
  read(options: Options): Promise<readonly number[]>
  /** A record that can never be written, as the other side or the sink itself sees it. Left out: there is none. */
  poison?(n: number): SinkSeed
  /** Options of a sink whose other side is not there. */
  unreachable?(): Promise<Options>
  /** Makes the other side take requests and never answer, until the function returned is called. */
  hang?(options: Options): Promise<() => Promise<void>>
  /** Frees what `options` made. */
  cleanUp?(options: Options): Promise<void>
  /** For one step of a check, in milliseconds. Default 10,000. */
  readonly deadlineMs?: number
  /** Checks left out, by name, with the reason. */
  readonly skip?: Skipped
}
