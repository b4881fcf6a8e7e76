import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Environment } from '../environment.ts'

/** What was measured when it was last written down. */
export interface GuardRecord {
  /** The day. */
  readonly recorded: string
  readonly environment: Environment
  readonly records: number
  readonly rounds: number
  /** By the name of the scenario. */
  readonly ratios: Readonly<Record<string, number>>
}

export const recordFile: string = fileURLToPath(new URL('../../guard.json', import.meta.url))

/** Undefined where nothing has been recorded yet. */
export async function readRecord(file: string): Promise<GuardRecord | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as GuardRecord
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export async function writeRecord(file: string, record: GuardRecord): Promise<void> {
  await writeFile(file, `${JSON.stringify(record, undefined, 2)}\n`)
}

const COMPARED = ['cpu', 'cores', 'node', 'librdkafka', 'kcat', 'kafka'] as const

/** What is not as it was when the record was made, a sentence each. */
export function changesSince(record: GuardRecord, environment: GuardRecord['environment']): string[] {
  return COMPARED.filter((key) => record.environment[key] !== environment[key]).map(
    (key) => `${key} was ${record.environment[key]} then and is ${environment[key]} now`,
  )
}
