import { describe, expect, it } from '@jest/globals'

import { progressLine, replayProgress } from '../../src/output/replay-progress.ts'
import { Screen } from '../../src/output/screen.ts'
import { FakeStream } from '../fake-host.ts'

const look = { replayed: 1200, failed: 3, notPassed: 2, problem: undefined }

describe('the progress of a replay', () => {
  it('says how far it is, how fast, and what it waits for', () => {
    expect(progressLine(look, 10_000, 2000)).toBe('replaying  1,205 of 10,000 (12 %), 603/s, 3 failed again')
    expect(progressLine({ ...look, failed: 0, problem: 'down\n' }, 10_000, 500)).toBe(
      'replaying  1,202 of 10,000 (12 %)  waiting: down\\n',
    )
    expect(progressLine({ ...look, replayed: 0, failed: 0, notPassed: 0 }, 0, 0)).toBe('replaying  0 of 0 (100 %)')
  })

  it('leaves nothing on a terminal when it has ended', () => {
    const stream = new FakeStream(true)
    const progress = replayProgress({ screen: new Screen(stream, {}), total: 1, now: () => 0, look: () => look })
    progress.stop()
    expect(stream.screen).toBe('')
  })
})
