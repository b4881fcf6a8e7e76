import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConnectError, RetriableError } from '../api/errors.ts'
import type { ConnectRecord } from '../api/record.ts'
import type { SinkTask } from '../api/sink-task.ts'
import type { RecordBatch } from '../records/record-batch.ts'

/**
 * Dead letters as JSON lines: `{stream, partition, offset, timestamp, key, value, headers}`, where bytes are
 * `{"utf8": …}` or, where they are none, `{"base64": …}`. Only its owner may read the file (0600): it holds data.
 * Every batch is synced before it counts; a line that a crash left half-written is ended before the next one.
 */
export function deadLetterFile(path: string): SinkTask {
  let file: FileHandle | undefined
  return {
    async start() {
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 })
        file = await open(path, 'a+', 0o600)
        if (await endsMidLine(file)) await file.appendFile('\n')
      } catch (error) {
        throw cannotWrite(path, error)
      }
    },
    async put(batch: RecordBatch) {
      if (file === undefined) throw new ConnectError('DEAD_LETTER_FAILED', `${path} is not open`)
      let lines = ''
      for (const record of batch) lines += `${JSON.stringify(toLine(record))}\n`
      try {
        await file.appendFile(lines)
        await file.datasync()
      } catch (error) {
        throw cannotWrite(path, error)
      }
    },
    async stop() {
      await file?.close()
      file = undefined
    },
  }
}

async function endsMidLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return false
  const last = Buffer.alloc(1)
  await file.read(last, 0, 1, size - 1)
  return last[0] !== 0x0a
}

function cannotWrite(path: string, cause: unknown): RetriableError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RetriableError('DEAD_LETTER_FAILED', `can't write dead letters to ${path}: ${reason}`, {
    hint: 'make room or fix the permissions; the pipeline waits and loses nothing',
    cause,
  })
}

function toLine(record: ConnectRecord): object {
  const { stream, partition, offset, timestamp, keyBytes, valueBytes, headers } = record
  return {
    stream,
    partition,
    offset,
    timestamp: timestamp ?? null,
    key: printable(keyBytes),
    value: printable(valueBytes),
    headers: headers.map(({ key, value }) => ({ key, value: printable(value) })),
  }
}

function printable(bytes: Buffer | null): object | null {
  if (bytes === null) return null
  const utf8 = bytes.toString('utf8')
  return Buffer.from(utf8, 'utf8').equals(bytes) ? { utf8 } : { base64: bytes.toString('base64') }
}
