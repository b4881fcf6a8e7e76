import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { readings, writeReadings } from '../src/readings.ts'
import { plain } from '../src/variant.ts'

describe('readings', () => {
  it('are JSON of 58 bytes with one decimal each', () => {
    for (const line of readings(2000, plain)) {
      expect(line).toMatch(/^\{"pressure": \d\.\d, "temperature": \d\d\.\d, "visibility": \d\d\.\d\}\n$/)
      expect(line).toHaveLength(59)
    }
  })

  it.each([100, 1024, 102_400])('are JSON of %d bytes where they are to be longer, not all alike', (valueBytes) => {
    const lines = readings(20, { valueBytes, keyed: false })
    for (const line of lines) {
      expect(line).toHaveLength(valueBytes + 1)
      expect(Object.keys(JSON.parse(line) as object)).toEqual(['pressure', 'temperature', 'visibility', 'note'])
    }
    expect(new Set(lines.map((line) => line.slice(60))).size).toBeGreaterThan(10)
  })

  it('have a key before them where they are to have one', () => {
    const lines = readings(500, { valueBytes: 58, keyed: true })
    for (const line of lines) expect(line).toMatch(/^sensor-\d{1,3}\t\{.{56}\}\n$/)
    expect(new Set(lines.map((line) => line.split('\t')[0])).size).toBeGreaterThan(200)
  })

  it('are the same every time, and not all alike', () => {
    expect(readings(100, plain)).toEqual(readings(100, plain))
    expect(new Set(readings(1000, plain)).size).toBeGreaterThan(900)
  })

  it.each([1, 10_000, 25_001])('fill a file with %d lines', async (count) => {
    const folder = await mkdtemp(join(tmpdir(), 'connect-run-bench-'))
    try {
      const file = join(folder, 'readings.jsonl')
      await writeReadings(file, count, plain)
      const text = await readFile(file, 'utf8')
      expect(text).toHaveLength(count * 59)
      expect(text.endsWith('}\n')).toBe(true)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
