import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { readings, writeReadings } from '../src/readings.ts'

describe('readings', () => {
  it('are JSON of 58 bytes with one decimal each', () => {
    for (const line of readings(2000)) {
      expect(line).toMatch(/^\{"pressure": \d\.\d, "temperature": \d\d\.\d, "visibility": \d\d\.\d\}\n$/)
      expect(line).toHaveLength(59)
    }
  })

  it('are the same every time, and not all alike', () => {
    expect(readings(100)).toEqual(readings(100))
    expect(new Set(readings(1000)).size).toBeGreaterThan(900)
  })

  it.each([1, 10_000, 25_001])('fill a file with %d lines', async (count) => {
    const folder = await mkdtemp(join(tmpdir(), 'connect-run-bench-'))
    try {
      const file = join(folder, 'readings.jsonl')
      await writeReadings(file, count)
      const text = await readFile(file, 'utf8')
      expect(text).toHaveLength(count * 59)
      expect(text.endsWith('}\n')).toBe(true)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
