import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { Chunk } from '../../src/source/chunk.ts'
import { createSplitter } from '../../src/source/format/format.ts'
import { defaults } from './format/support.ts'

const owner = { stream: 's', partition: 7 }

interface Line {
  readonly at: number
  /** In Latin-1, so that every byte counts. */
  readonly text: string
  readonly isTooLong: boolean
}

/** The lines of a file, found in the simplest way. */
function linesOf(file: Buffer, maxBytes: number): Line[] {
  const lines: Line[] = []
  let at = 0
  for (const piece of file.toString('latin1').split('\n')) {
    const isLast = at + piece.length === file.length
    const isTooLong = piece.length > maxBytes
    const text = isTooLong ? piece.slice(0, maxBytes) : piece.replace(/\r$/, '')
    if (!isLast || piece !== '') lines.push({ at, text, isTooLong })
    at += piece.length + 1
  }
  return lines
}

interface Cuts {
  readonly blocks: readonly number[]
  readonly takes: readonly { readonly records: number; readonly bytes: number }[]
  readonly room: number
  readonly maxRows: number
  /** Bytes before a block that were read with it again. */
  readonly before: number
}

/** The lines of a file that is read in blocks, as they come out of batches. */
function read(file: Buffer, maxRecordBytes: number, { blocks, takes, room, maxRows, before }: Cuts): Line[] {
  const splitter = createSplitter({ ...defaults, maxRecordBytes })
  const lines: Line[] = []
  let turn = 0
  const takeAll = (chunk: Chunk): void => {
    while (chunk.left > 0) {
      const first = chunk.nextAt!
      const { records, bytes } = takes[turn++ % takes.length]!
      const { batch, failures } = chunk.take(records, bytes, owner)
      expect(batch.length).toBeLessThanOrEqual(records)
      expect(batch.offset(0)).toBe(first)
      const failed = new Set(failures.map(({ row }) => row))
      for (let i = 0; i < batch.length; i++) {
        lines.push({ at: batch.offset(i), text: batch.rawValue(i)!.toString('latin1'), isTooLong: failed.has(i) })
      }
      expect(batch.positions ?? []).toEqual([])
    }
  }
  for (let at = 0, i = 0; at < file.length; i++) {
    const end = Math.min(file.length, at + blocks[i % blocks.length]!)
    const from = Math.min(before, at)
    const memory = Buffer.alloc(from + end - at + room, '!')
    file.copy(memory, 0, at - from, end)
    const chunk = new Chunk(memory.subarray(0, from + end - at), { from, room, maxRows })
    const taken = splitter.push(chunk.fresh, at, chunk)
    if (taken < end - at) expect(chunk.isFull()).toBe(true)
    expect(splitter.resumeAt).toBe(at + taken - splitter.pending)
    takeAll(chunk)
    at += taken
  }
  const rest = new Chunk(Buffer.alloc(0))
  splitter.finish(rest)
  takeAll(rest)
  return lines
}

const size = fc.integer({ min: 1, max: 12 })
const cuts: fc.Arbitrary<Cuts> = fc.record({
  blocks: fc.array(size, { minLength: 1, maxLength: 5 }),
  takes: fc.array(fc.record({ records: size, bytes: size }), { minLength: 1, maxLength: 4 }),
  room: fc.nat(20),
  maxRows: fc.oneof(size, fc.constant(Infinity)),
  before: fc.nat(5),
})
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.array(fc.constantFrom(0x0a, 0x0a, 0x0d, 0x61, 0xff), { maxLength: 200 }),
)

describe('lines', () => {
  it('of any bytes, in blocks of any size, are those of the file, at their places', () => {
    fc.assert(
      fc.property(bytes, cuts, fc.integer({ min: 1, max: 30 }), (content, how, maxRecordBytes) => {
        // What begins with a byte order mark is another matter.
        const file = Buffer.concat([Buffer.from('.'), Buffer.from(content)])
        expect(read(file, maxRecordBytes, how)).toEqual(linesOf(file, maxRecordBytes))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a chunk', () => {
  const chunkOf = (text: string): Chunk => {
    const chunk = new Chunk(Buffer.from(text))
    createSplitter(defaults).push(chunk.fresh, 0, chunk)
    return chunk
  }

  it('points into the block that was read', () => {
    const block = Buffer.from('one\ntwo\n')
    const chunk = new Chunk(block)
    createSplitter(defaults).push(chunk.fresh, 0, chunk)
    const { packed } = chunk.take(10, 100, owner).batch
    expect(packed.buffer.buffer).toBe(block.buffer)
  })

  it('keeps no large block alive for a few short rows', () => {
    const block = Buffer.alloc(100_000, 'x')
    block.write('one\ntwo\n')
    const chunk = new Chunk(block)
    createSplitter(defaults).push(chunk.fresh, 0, chunk)
    const { batch } = chunk.take(10, 100, owner)
    expect(batch.packed.buffer.buffer).not.toBe(block.buffer)
    expect([0, 1].map((row) => String(batch.rawValue(row)))).toEqual(['one', 'two'])
  })

  it('gives rows out in batches of the same size, so that no small one is left', () => {
    const chunk = chunkOf('x\n'.repeat(11))
    const sizes: number[] = []
    while (chunk.left > 0) sizes.push(chunk.take(5, 100, owner).batch.length)
    expect(sizes).toEqual([4, 4, 3])
  })

  it('gives out a row that is larger than what is asked for, alone', () => {
    const chunk = chunkOf('long line\nx\n')
    expect(chunk.take(5, 1, owner).batch.length).toBe(1)
    expect(chunk.take(5, 1, owner).batch.length).toBe(1)
  })
})
