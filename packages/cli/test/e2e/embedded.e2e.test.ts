import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const oceanic = fileURLToPath(new URL('../../../../configs/oceanic.yaml', import.meta.url))

describe('connect-run configs/oceanic.yaml --embedded', () => {
  let place: Workplace
  beforeEach(async () => {
    place = await workplace()
  })
  afterEach(() => place.close())

  it('shows the whole way of 2,000 readings without any server, in plain lines, and exits 0', async () => {
    const worker = place.start([oceanic, '--embedded'])
    await expectExit(worker, 0, 30_000)
    const printed = worker.output()
    expect(printed).toContain('select * from kafka_consumer')
    expect(printed).toMatch(/^time +partition +pressure +temperature +visibility$/m)
    expect(printed).toMatch(/^oceanic-to-cnosdb +2,000 +2,000 +0 .*adds up$/m)
    expect(printed).toMatch(/^readings-to-kafka +2,000 +2,000 +0 .*adds up$/m)
    // No colour and no cursor movement where nobody watches.
    expect(printed).not.toContain('\u001b')
  })

  it('is stopped cleanly by Ctrl-C', async () => {
    const worker = place.start([oceanic, '--embedded'])
    await whileRunning(worker, () => worker.output().includes('starting'), 'the pipelines')
    worker.kill('SIGINT')
    await expectExit(worker, 0, 30_000)
    expect(worker.output()).toContain('Stopping')
  })

  it('ends at once at the second Ctrl-C, and says so by its exit code', async () => {
    const worker = place.start([oceanic, '--embedded'])
    await whileRunning(worker, () => worker.output().includes('starting'), 'the pipelines')
    worker.kill('SIGINT')
    await whileRunning(worker, () => worker.output().includes('Stopping'), 'the first answer')
    worker.kill('SIGINT')
    const { code } = await worker.exited
    expect([0, 1]).toContain(code)
  })
})
