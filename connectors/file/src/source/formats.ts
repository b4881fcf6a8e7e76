import { type FormatConfig, createSplitter } from './format/format.ts'
import { type ReadBytes, inflatedBlocks } from './format/inflate.ts'
import type { Splitter } from './format/splitter.ts'

export type { ReadBytes } from './format/inflate.ts'

/** How the bytes of a file become records. */
export interface Formats {
  createSplitter(config: FormatConfig, token?: unknown): Splitter
  /** The inflated bytes from `from` (an inflated position) on. */
  inflatedBlocks(read: ReadBytes, from: number, signal: AbortSignal): AsyncIterable<Buffer>
}

export const formats: Formats = { createSplitter, inflatedBlocks }
