import { describe, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { fakeClock } from '@connect-run/testkit/conformance'
import { passThroughGroup } from '../src/passing-member.ts'
import { FakeConsumer } from './fake-consumer.ts'

describe('a member that only passes through', () => {
  it('takes what the group gives it, reads nothing of it and leaves', async () => {
    const { client, passed } = passing()
    await pollUntil(() => client.calls.includes('subscribe t'))
    client.events.assigned([{ stream: 't', partition: 2 }])
    await passed
    expect(client.calls).toEqual(['subscribe t', 'assign t/2@-1', 'disconnect'])
  })

  it('is not waited for without end where its client does not close', async () => {
    const { client, clock, passed } = passing()
    client.disconnect = () => new Promise(() => undefined)
    client.events.assigned([])
    const over = new AbortController()
    const left = passed.finally(() => over.abort())
    await pollUntil(async () => {
      await clock.advance(1000)
      return over.signal.aborted
    })
    await left
  })
})

function passing(): { client: FakeConsumer; clock: ReturnType<typeof fakeClock>; passed: Promise<void> } {
  const client = new FakeConsumer()
  const clock = fakeClock()
  const settings = { global: { 'group.instance.id': 'host-0' }, topic: {} }
  const { signal } = new AbortController()
  const { library } = client
  return { client, clock, passed: passThroughGroup({ library, settings, topics: ['t'], clock, signal }) }
}
