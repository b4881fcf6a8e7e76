import { describe, expect, it } from '@jest/globals'
import type { WorkerConfig } from '../../src/config/pipeline-config.ts'
import { RetriableError } from '../../src/index.ts'
import { createWorker } from '../../src/worker/worker.ts'
import { pipelineConfig, recordingLogger, records, testSink, testSource, until } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const endless = { batches: [records(0, 3)], endless: true }
const hangs = { onPut: () => new Promise<never>(() => undefined) }

function workerOf(pipelines: WorkerConfig['pipelines'], clock?: VirtualClock) {
  const config: WorkerConfig = {
    name: 'w',
    file: 'w.yaml',
    state: { kind: 'memory' },
    shutdownTimeoutMs: 30_000,
    pipelines,
    embedded: undefined,
  }
  return createWorker(config, { logger: recordingLogger(), once: false, ...(clock !== undefined && { clock }) })
}

describe('createWorker', () => {
  it('ends well when every pipeline has', async () => {
    const sink = testSink()
    const pipeline = (name: string) => pipelineConfig(testSource({ batches: [records(0, 3)] }), sink, { name })
    const result = await workerOf([pipeline('a'), pipeline('b')]).run()
    expect(result).toMatchObject({ ok: true, forced: false })
    expect(result.pipelines.map(({ name, state }) => [name, state])).toEqual([
      ['a', 'ended'],
      ['b', 'ended'],
    ])
    expect(sink.written).toHaveLength(6)
  })

  it('lets one pipeline fail without touching the others, and is not well then', async () => {
    const bad = pipelineConfig(testSource(endless), testSink({ onPut: () => Promise.reject(new Error('a defect')) }))
    const sink = testSink()
    const worker = workerOf([bad, pipelineConfig(testSource(endless), sink, { name: 'q' })])
    const done = worker.run()
    await until(() => worker.snapshot()[0]!.state === 'failed' && sink.written.length === 3)
    expect(worker.snapshot()[1]!.state).toBe('running')
    worker.stop()
    await expect(done).resolves.toMatchObject({ ok: false, forced: false })
  })

  it('stops gracefully: what is in flight is finished and committed', async () => {
    const source = testSource(endless)
    const sink = testSink({ onPut: () => new Promise((resolve) => setTimeout(resolve, 20)) })
    const worker = workerOf([pipelineConfig(source, sink)])
    const done = worker.run()
    await until(() => sink.running > 0)
    worker.stop()
    await expect(done).resolves.toMatchObject({ ok: true, forced: false })
    expect(source.commits.flat()).toMatchObject([{ position: { offset: 3 } }])
  })

  it('ends everything at once at the second stop', async () => {
    const source = testSource(endless)
    const sink = testSink(hangs)
    const worker = workerOf([pipelineConfig(source, sink)])
    const done = worker.run()
    await until(() => sink.running > 0)
    worker.stop()
    worker.stop()
    worker.stop()
    await expect(done).resolves.toMatchObject({ ok: false, forced: true })
    expect(source.commits).toEqual([])
  })

  it('ends everything at the deadline of a stop, and leaves no timer behind', async () => {
    const clock = new VirtualClock()
    const sink = testSink(hangs)
    const worker = workerOf([pipelineConfig(testSource(endless), sink)], clock)
    const done = worker.run()
    await clock.runUntil(clock.sleep(50))
    expect(sink.running).toBe(1)
    worker.stop()
    await expect(clock.runUntil(done)).resolves.toMatchObject({ ok: false, forced: true })
    expect(clock.monotonic()).toBeGreaterThanOrEqual(30_000)
    expect(clock.sleeping).toBe(0)
  })

  it('ends when it is stopped while its ends can not be reached', async () => {
    const source = testSource({
      ...endless,
      onStart: () => {
        throw new RetriableError('UNREACHABLE', 'down')
      },
    })
    const worker = workerOf([pipelineConfig(source, testSink())])
    const done = worker.run()
    await until(() => source.starts > 0)
    expect(worker.snapshot()).toMatchObject([{ state: 'starting' }])
    worker.stop()
    await expect(done).resolves.toMatchObject({ ok: false, pipelines: [{ state: 'stopped' }] })
  })
})
