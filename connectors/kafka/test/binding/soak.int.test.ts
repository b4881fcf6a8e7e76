import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from '@jest/globals'
import { service } from '@connect-run/testkit/services'

const kafka = await service('kafka', { own: true })

const SOAK = fileURLToPath(new URL('soak.mjs', import.meta.url))

interface Result {
  readonly written: number
  readonly read: number
  readonly events: Readonly<Record<string, number>>
  /** MiB. */
  readonly rss: { readonly middle: number; readonly end: number }
}

kafka.describe('packed calls, for a minute', () => {
  it('lose and double nothing, answer once and keep no memory while members and the broker come and go', async () => {
    const soak = spawn(process.execPath, ['--expose-gc', SOAK, '--minutes', '1'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, MALLOC_ARENA_MAX: '2' }, // else what many threads have freed looks like a leak
      timeout: 280_000,
      killSignal: 'SIGKILL',
    })
    const ended = once(soak, 'exit')
    const output = await text(soak.stdout)
    const [status] = (await ended) as [number | null]
    expect({ status, output }).toMatchObject({ status: 0 })
    const { written, read, events, rss } = JSON.parse(output) as Result
    expect(read).toBe(written)
    expect(Object.keys(events).filter((event) => event !== 'expelled' && events[event] === 0)).toEqual([])
    expect(rss.end - rss.middle).toBeLessThan(64)
  }, 300_000)
})
