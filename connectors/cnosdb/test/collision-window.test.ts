import { describe, expect, it } from '@jest/globals'
import { CollisionWindow, type PointIdentity, hashText } from '../src/collision-window.ts'

function point(offset: number, change: Partial<PointIdentity> = {}): PointIdentity {
  return { ms: 1_690_510_331_000, ns: offset % 1_000_000, series: 7, source: 1, place: 3, offset, ...change }
}

describe('the collision window', () => {
  it('lets every record claim its own point, again and again', () => {
    const window = new CollisionWindow()
    for (let round = 0; round < 3; round++) {
      for (let offset = 0; offset < 1000; offset++) expect(window.claim(point(offset))).toBe(true)
    }
  })

  it('refuses another record, and the first one keeps the point', () => {
    const window = new CollisionWindow()
    expect(window.claim(point(5))).toBe(true)
    expect(window.claim(point(1_000_005))).toBe(false)
    expect(window.claim(point(5, { source: 2 }))).toBe(false)
    expect(window.claim(point(5))).toBe(true)
  })

  it.each([{ ms: 1_690_510_331_001 }, { ns: 6 }, { series: 8 }, { place: 4, source: 2 }])(
    'does not take %j for the same point',
    (change) => {
      const window = new CollisionWindow()
      window.claim(point(5))
      expect(window.claim(point(1_000_005, change))).toBe(true)
    },
  )

  it('remembers at least the last 16,384 points', () => {
    const window = new CollisionWindow()
    for (let start = 0; start < 100_000; start += 1000) {
      for (let offset = start; offset < start + 1000; offset++) window.claim(point(offset))
      const oldest = Math.max(0, start + 1000 - 16_384)
      expect(window.claim(point(oldest, { source: 2 }))).toBe(false)
    }
  })

  it('remembers eight batches of the largest size', () => {
    const window = new CollisionWindow()
    for (let batch = 0; batch < 20; batch++) {
      window.reserve(10_000)
      for (let i = 0; i < 10_000; i++) window.claim(point(batch * 10_000 + i))
    }
    expect(window.claim(point(120_000, { source: 2 }))).toBe(false)
    expect(window.claim(point(199_999, { source: 2 }))).toBe(false)
  })

  it('grows without forgetting', () => {
    const window = new CollisionWindow()
    window.claim(point(5))
    window.reserve(20_000)
    expect(window.claim(point(1_000_005))).toBe(false)
  })
})

describe('hashText', () => {
  it('differs for texts that differ', () => {
    const hashes = new Set(Array.from({ length: 10_000 }, (_, i) => hashText(`,sensor=${i}`)))
    expect(hashes.size).toBe(10_000)
  })
})
