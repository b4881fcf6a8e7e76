import { describe, expect, it } from '@jest/globals'

import { liveLines } from '../../src/output/pipeline-line.ts'
import { showProgress } from '../../src/output/progress.ts'
import { Screen } from '../../src/output/screen.ts'
import { styleFor } from '../../src/output/style.ts'
import { FakeStream, snapshot, until } from '../fake-host.ts'

describe('progress on a terminal', () => {
  it('is redrawn in place below the log, and stays at the end', async () => {
    const stream = new FakeStream(true)
    const screen = new Screen(stream, { NO_COLOR: '1' })
    let pipelines = [snapshot({ name: 'ab' }), snapshot({ name: 'c', state: 'starting' })]
    let now = 0
    const progress = showProgress({ screen, snapshot: () => pipelines, now: () => (now += 500) })
    screen.line('a log line')
    pipelines = [
      snapshot({ name: 'ab', total: 200, state: 'running' }, { read: 150, written: 90, filtered: 10, inFlight: 50 }),
      snapshot({ name: 'c', state: 'retrying', problem: 'cannot reach the database' }),
    ]
    await until(() => stream.screen.includes('cannot reach'))
    screen.line('another log line')
    pipelines = pipelines.map(({ name, total, ledger }) => snapshot({ name, total, state: 'ended' }, ledger))
    progress.stop()
    screen.line('the end')
    expect(stream.screen.split('\n')).toEqual([
      'a log line',
      'another log line',
      expect.stringMatching(/^✓ ab  ended +█{10}░{10}  50%  150 read · 90 written · 10 filtered/),
      expect.stringMatching(/^✓ c   ended$/),
      'the end',
      '',
    ])
  })

  it('is never wider than the terminal', () => {
    const stream = new FakeStream(true)
    const screen = new Screen(stream, { NO_COLOR: '1' })
    const long = snapshot(
      { name: 'n'.repeat(30), total: 10, state: 'retrying', problem: 'p'.repeat(300) },
      { read: 1e9 },
    )
    showProgress({ screen, snapshot: () => [long], now: () => 0 }).stop()
    const lines = stream.screen.split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(stream.columns)
    expect(stream.screen).toContain('ppp…')
  })
})

describe('progress on a narrow terminal', () => {
  const ledger = { read: 123_456, written: 120_000, filtered: 400, deadLettered: 3 }
  const pictureOf = (name: string): string => {
    const look = { style: styleFor(false, {}), columns: 80, nameWidth: name.length, frame: 0, rate: 0 }
    return liveLines(snapshot({ name, total: 200_000, state: 'ended' }, ledger), look)[0]!
  }

  it('drops the bar before the counts', () => {
    const counts = '123,456 read · 120,000 written · 400 filtered · 3 dead-lettered'
    expect(pictureOf('a')).toBe(`✓ a  ended      ${counts}`)
  })

  it('shortens the name before the counts', () => {
    const line = pictureOf('oceanic-to-cnosdb')
    expect(line).toMatch(/^✓ oceanic…  ended {6}123,456 read · 120,000 written · 400 filtered · 3 dea/)
    expect(line.length).toBeLessThan(80)
  })
})

describe('progress in a pipe', () => {
  it('is a plain line at the start and at the end', () => {
    const stream = new FakeStream()
    let pipelines = [snapshot({ state: 'starting' })]
    const progress = showProgress({ screen: new Screen(stream, {}), snapshot: () => pipelines, now: () => 0 })
    pipelines = [snapshot({ state: 'ended', total: 2000 }, { read: 2000, written: 1999, deadLettered: 1 })]
    progress.stop()
    expect(stream.text).toBe('main: starting\nmain: ended, 2,000 of 2,000 read, 1,999 written, 1 dead-lettered\n')
  })
})
