import { Readable, pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ConnectError } from '@connect-run/core'

/** Reads up to `length` bytes at `at`; fewer only where the file ends. */
export type ReadBytes = (at: number, length: number) => Promise<Buffer>

const READ_BYTES = 256 * 1024
const BLOCK_BYTES = 256 * 1024

/**
 * The inflated bytes of a gzip file (of one or more members) from the inflated position `from` on; what is before is
 * inflated and left out. Reads no further than it is asked. Throws `FILE_UNREADABLE` where the file is cut or corrupt.
 */
export async function* inflatedBlocks(read: ReadBytes, from: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  let compressedAt = 0
  async function* compressed(): AsyncGenerator<Buffer> {
    for (;;) {
      const bytes = await read(compressedAt, READ_BYTES)
      compressedAt += bytes.length
      if (bytes.length === 0) return
      yield bytes
    }
  }
  const gunzip = createGunzip({ chunkSize: BLOCK_BYTES })
  const inflated = pipeline(Readable.from(compressed(), { signal }), gunzip, () => undefined)
  let at = 0
  try {
    for await (const chunk of inflated as AsyncIterable<Buffer>) {
      const skip = Math.max(0, from - at)
      at += chunk.length
      if (skip < chunk.length) yield chunk.subarray(skip)
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw asUnreadable(cause, { compressedAt, at })
  }
}

function asUnreadable(cause: unknown, { compressedAt, at }: { compressedAt: number; at: number }): unknown {
  const { code } = cause as NodeJS.ErrnoException
  if (code?.startsWith('Z_') !== true) return cause
  const problem = code === 'Z_BUF_ERROR' ? 'it ends too early' : (cause as Error).message
  return new ConnectError(
    'FILE_UNREADABLE',
    `the gzip is not whole: ${problem}, near byte ${compressedAt}, after ${at} inflated bytes`,
    { hint: 'Files are read when they are complete: move them into place under another name when they are.', cause },
  )
}
