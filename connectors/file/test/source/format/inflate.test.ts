import { gzipSync } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { inflatedBlocks } from '../../../src/source/format/inflate.ts'

const signal = new AbortController().signal

async function inflated(file: Buffer, from = 0, readBytes = file.length): Promise<Buffer> {
  const read = async (at: number, length: number): Promise<Buffer> =>
    file.subarray(at, at + Math.min(length, Math.max(1, readBytes)))
  const blocks: Buffer[] = []
  for await (const block of inflatedBlocks(read, from, signal)) blocks.push(block)
  return Buffer.concat(blocks)
}

describe('inflated blocks', () => {
  it('are the content from any position on, however the file is read', async () => {
    const content = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
    await fc.assert(
      fc.asyncProperty(content, fc.nat(320), fc.integer({ min: 1, max: 40 }), async (bytes, from, readBytes) => {
        expect(await inflated(gzipSync(bytes), from, readBytes)).toEqual(bytes.subarray(from))
      }),
      { numRuns: 50 },
    )
  })

  it('go on over the members of a file that was put together', async () => {
    const file = Buffer.concat([gzipSync('one\n'), gzipSync(''), gzipSync('two\n')])
    expect((await inflated(file)).toString()).toBe('one\ntwo\n')
    expect((await inflated(file, 4)).toString()).toBe('two\n')
  })

  it('are not read further ahead than a few blocks', async () => {
    const file = gzipSync(Buffer.alloc(64 << 20), { level: 0 })
    let readTo = 0
    const read = async (at: number, length: number): Promise<Buffer> => {
      const bytes = file.subarray(at, at + length)
      readTo = at + bytes.length
      return bytes
    }
    for await (const block of inflatedBlocks(read, 0, signal)) {
      expect(block.length).toBeGreaterThan(0)
      break
    }
    expect(readTo).toBeLessThan(16 << 20)
  })

  it.each([
    ['is cut', (file: Buffer) => file.subarray(0, file.length - 9), 'it ends too early'],
    ['is none', () => Buffer.from('no gzip at all'), 'incorrect header check'],
    ['is spoilt', (file: Buffer) => Buffer.concat([file.subarray(0, -8), Buffer.alloc(8)]), 'incorrect data check'],
  ])('of a file that %s end with the reason and the place', async (_, spoil, reason) => {
    const failure = inflated(spoil(gzipSync('some text that is long enough')))
    await expect(failure).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
    await expect(failure).rejects.toThrow(reason)
  })

  it('end when the task is stopped', async () => {
    const stopped = new AbortController()
    const blocks = inflatedBlocks(
      async (at, length) => gzipSync(Buffer.alloc(64 << 20), { level: 0 }).subarray(at, at + length),
      0,
      stopped.signal,
    )[Symbol.asyncIterator]()
    await blocks.next()
    stopped.abort(new Error('stopped'))
    await expect(
      (async () => {
        while ((await blocks.next()).done !== true);
      })(),
    ).rejects.toThrow('stopped')
  })
})
