import { expect, it } from '@jest/globals'
import { flameGraph } from '../src/flame-graph.ts'

const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 0 })

const profile = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 3, 5, 6] },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: frame('decode<Json>', 'file:///a/b/c.js'), children: [4] },
    { id: 4, callFrame: frame('parse') },
    { id: 5, callFrame: frame('decode<Json>', 'file:///a/b/c.js'), children: [7] },
    { id: 6, callFrame: frame('rare') },
    { id: 7, callFrame: frame('parse') },
  ],
  samples: [2, 3, 4, 5, 6, 7],
  timeDeltas: [900_000, 100_000, 200_000, 50_000, 100, 150_000],
}

it('stacks what was called upon its caller, as wide as its time, without waiting and what is too small to see', () => {
  const svg = flameGraph(profile, 'a & b')
  expect(svg.match(/<title>.*?<\/title>/g)).toEqual([
    '<title>all: 0.500 s</title>',
    '<title>decode&lt;Json&gt; a/b/c.js:1: 0.500 s</title>',
    '<title>parse: 0.350 s</title>',
  ])
  expect(svg).toContain('a &amp; b: 0.500 s of the main thread')
  const widths = [...svg.matchAll(/width="([\d.]+)"/g)].map((match) => Number(match[1]))
  expect(widths[0]).toBe(1400)
  expect(widths[2]).toBeCloseTo(980, 0)
})
