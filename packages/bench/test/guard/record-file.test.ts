import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { explanation } from '../../src/guard/main.ts'
import type { GuardRecord } from '../../src/guard/record-file.ts'
import { readRecord, writeRecord } from '../../src/guard/record-file.ts'

const record: GuardRecord = {
  recorded: '2026-05-04',
  environment: {
    cpu: 'a CPU',
    cores: 4,
    memoryGiB: 16,
    kernel: 'Linux 6',
    load: 0.1,
    node: '20.20.2',
    librdkafka: '2.12.0',
    kcat: '1.7.1',
    kafka: '3.9.1',
    java: '17',
    connectRun: '0.1.0',
    commit: 'abc1234',
  },
  records: 1_000_000,
  rounds: 7,
  ratios: { 'kafka-to-file': 1.25 },
}

describe('the record', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'connect-run-bench-'))
  })

  afterEach(() => rm(folder, { recursive: true }))

  it('is read as it was written', async () => {
    const file = join(folder, 'guard.json')
    await writeRecord(file, record)
    expect(await readRecord(file)).toEqual(record)
  })

  it('may be missing, but not be broken', async () => {
    const file = join(folder, 'guard.json')
    expect(await readRecord(file)).toBeUndefined()
    await writeFile(file, '{')
    await expect(readRecord(file)).rejects.toThrow(SyntaxError)
  })
})

describe('the explanation of a loss', () => {
  it('says what to compare with, what else has changed, and how to record anew', () => {
    const text = explanation(record, { ...record.environment, node: '22.1.0', load: 3, commit: 'def5678' }).join('\n')
    expect(text).toContain('recorded on 2026-05-04 at abc1234')
    expect(text).toContain('node was 20.20.2 then and is 22.1.0 now')
    expect(text).not.toContain('load was')
    expect(text).toContain('npm run bench:guard -- --record')
  })

  it('says how to record where nothing is', () => {
    expect(explanation(undefined, record.environment).join('\n')).toContain('bench:guard -- --record')
  })
})
