import type { RecordError } from '@connect-run/core'
import * as fc from 'fast-check'
import { type FormatConfig, createSplitter } from '../../../src/source/format/format.ts'
import type { RecordOut, Splitter } from '../../../src/source/format/splitter.ts'

export interface Found {
  readonly at: number
  /** Text of its bytes, or what was made of them. */
  readonly value: unknown
  readonly error?: string
}

export const defaults: FormatConfig = { format: 'lines', encoding: 'utf-8', maxRecordBytes: 1 << 20 }

export function collector(): { readonly found: Found[]; readonly errors: RecordError[]; readonly out: RecordOut } {
  const found: Found[] = []
  const errors: RecordError[] = []
  return {
    found,
    errors,
    out: {
      isFull: () => false,
      bytes: (bytes, start, end, at) => void found.push({ at, value: bytes.toString('utf8', start, end) }),
      value: (value, _size, at) => void found.push({ at, value }),
      failed: (error, head, at) => {
        errors.push(error)
        found.push({ at, value: head.toString('latin1'), error: error.code })
      },
    },
  }
}

/** What a splitter finds in a file from `from` on, fed in blocks of these sizes (round and round). */
export function split(
  file: Buffer,
  config: Partial<FormatConfig> = {},
  { cuts = [file.length], from = 0, token }: { cuts?: readonly number[]; from?: number; token?: unknown } = {},
): { readonly found: readonly Found[]; readonly splitter: Splitter; readonly tokens: readonly unknown[] } {
  const splitter = createSplitter({ ...defaults, ...config }, token)
  const { found, out } = collector()
  const tokens: unknown[] = []
  for (let at = from, i = 0; at < file.length; i++) {
    const size = Math.max(1, cuts[i % cuts.length]!)
    // A copy, which is spoilt afterwards: a splitter keeps nothing of a block.
    const block = Buffer.from(file.subarray(at, at + size))
    splitter.push(block, at, out)
    block.fill(0x21)
    while (tokens.length < found.length) tokens.push(splitter.token)
    at += size
  }
  splitter.finish(out)
  while (tokens.length < found.length) tokens.push(splitter.token)
  return { found, splitter, tokens }
}

export const cuts: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 })
