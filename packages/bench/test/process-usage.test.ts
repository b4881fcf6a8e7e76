import { expect, it } from '@jest/globals'
import { usageOf } from '../src/process-usage.ts'

it('reads times and peak, whatever the name of the process', () => {
  const stat = '4711 (a) b (c)) S 1 4711 4711 0 -1 4194304 100 0 0 0 1250 75 0 0 20 0 40 0 100 200 300'
  const status = 'Name:\ta) b (c)\nVmPeak:\t  999999 kB\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n'
  expect(usageOf(stat, status, 100)).toEqual({
    userSeconds: 12.5,
    systemSeconds: 0.75,
    peakRssBytes: 200 * 2 ** 20,
  })
})
