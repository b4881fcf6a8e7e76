import { expect, it } from '@jest/globals'
import { eachProducedAt, timedValue } from '../../src/latency/timed-value.ts'

function times(text: string): number[] {
  const found: number[] = []
  eachProducedAt(Buffer.from(text), (at) => found.push(at))
  return found
}

it('is JSON that says when it was produced', () => {
  const value = timedValue(1_732_180_000_123).toString()
  expect(JSON.parse(value)).toEqual({ pressure: 3.2, temperature: 15.1, produced: 1_732_180_000_123 })
  expect(times(`${value}\n${value}\n`)).toEqual([1_732_180_000_123, 1_732_180_000_123])
})

it('is found in line protocol, wherever it stands', () => {
  const lines = 'm,partition=0 produced=17,temperature=15.1 1732180000123000000\nm pressure=3.2,produced=18 5'
  expect(times(lines)).toEqual([17, 18])
  expect(times('m f=1 1\n')).toEqual([])
})
