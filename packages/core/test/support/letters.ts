import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { RecordError } from '../../src/index.ts'
import { letterLine } from '../../src/dead-letters/letter-line.ts'
import { type DeadLetter, letterOf } from '../../src/dead-letters/letter.ts'
import type { DeadLetterQueue } from '../../src/dead-letters/queue.ts'
import { deadLetter } from '../../src/delivery/dead-letter.ts'
import type { Stage } from '../../src/pipeline/stage.ts'
import { type PackedInput, packRecords } from '../../src/records/batch-builder.ts'
import { executing } from './pipeline.ts'

export interface LetterSetting extends Partial<PackedInput> {
  readonly offset: number
  readonly stage?: Stage
  readonly transform?: string
  readonly error?: RecordError
  readonly attempts?: number
  /** Milliseconds since 1970. */
  readonly failedMs?: number
}

/** A dead letter as the engine writes it. */
export function written(setting: LetterSetting): PackedInput {
  const { stage = 'TASK_PUT', transform, attempts = 1, failedMs = 1_700_000_000_000, error, ...record } = setting
  const plain = { stream: 't', partition: 0, timestamp: 1_600_000_000_000, key: null, headers: [] }
  const batch = packRecords([{ ...plain, value: Buffer.from(`v${setting.offset}`), ...record }])
  const failure = { batch, row: 0, stage, error: error ?? new RecordError('RECORD_REJECTED', 'refused') }
  const failed = transform === undefined ? failure : { ...failure, transform }
  return deadLetter(failed, { worker: 'w', pipeline: 'p', executing }, { attempts, firstFailureMs: failedMs })
}

export function letter(setting: LetterSetting): DeadLetter {
  return letterOf(written(setting), { container: 'q', number: setting.offset + 1 })
}

export function writeLetters(path: string, letters: readonly PackedInput[]): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, letters.map((each) => `${letterLine(each)}\n`).join(''), { flag: 'a' })
}

export async function lettersOf(queue: DeadLetterQueue): Promise<DeadLetter[]> {
  const found: DeadLetter[] = []
  for await (const { letters } of queue.read(new AbortController().signal)) found.push(...letters)
  return found
}
