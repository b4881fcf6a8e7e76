import { describe, expect, it } from '@jest/globals'
import { sinkConnector, sourceConnector } from '@connect-run/core'
import type { PipelineConfig } from '@connect-run/core/runtime'

import { explain } from '../../src/commands/explain.ts'
import { runProgram } from '../../src/program.ts'
import { fakeHost, workerConfig } from '../fake-host.ts'

const schema = { type: 'object', properties: {} } as const
const never = (): never => {
  throw new Error('explain creates no task')
}
const source = sourceConnector({
  description: 'a source',
  config: schema,
  create: never,
  traits: () => ({ positions: 'source', caveats: [{ option: 'onGap: skip', text: 'Gaps are skipped and counted.' }] }),
})
const sink = sinkConnector({ description: 'a sink', config: schema, create: never, traits: () => ({ ordered: true }) })
const pipeline = {
  name: 'main',
  delivery: 'at-least-once',
  source: { plugin: { name: 'queue', description: '', source }, config: {} },
  sink: {
    plugin: { name: 'store', description: '', sink },
    config: {},
    retry: { maxAttempts: 5, maxElapsedMs: 60_000 },
  },
  errors: { tolerance: 'none', deadLetterQueue: undefined },
  restart: { maxRestarts: 2 },
} as unknown as PipelineConfig
const config = workerConfig('oceanic', { pipelines: [pipeline] })

describe('explain', () => {
  it('says what a pipeline guarantees, why, and what weakens it, without creating anything', async () => {
    const host = fakeHost({ configs: { 'a.yaml': config } })
    expect(await explain(['a.yaml'], { format: 'text' }, host)).toBe(0)
    const lines = host.stdout.text.split('\n')
    expect(lines[0]).toBe('main  queue -> store  at-least-once')
    expect(lines[1]).toBe('  Every record is written; after a crash some are written twice.')
    expect(lines).toContain(
      '  source               The queue source keeps its positions itself; they pass when the sink has the',
    )
    expect(lines).toContain('  source.onGap: skip   Gaps are skipped and counted.')
    expect(lines).toContain('  - The sink fails for 5 attempts or 1 min (`retry`): the task fails and restarts.')
    expect(lines).toContain('  - The task has failed 3 times in a row (`restart.maxRestarts: 2`).')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100)
  })

  it('says of each file which it is, where there are several', async () => {
    const host = fakeHost({ configs: { 'a.yaml': config, 'b.yaml': workerConfig('b', { pipelines: [pipeline] }) } })
    expect(await explain(['a.yaml', 'b.yaml'], { format: 'text' }, host)).toBe(0)
    const own = host.stdout.text.split('\n').filter((line) => /^\S/.test(line))
    const of = 'main  queue -> store  at-least-once'
    expect(own).toEqual(['oceanic  oceanic.yaml', of, 'b  b.yaml', of])
    expect(host.stdout.text).toContain('\n\nb  b.yaml\n\nmain  queue')
  })

  it('gives a program one object for each pipeline', async () => {
    const host = fakeHost({ configs: { 'a.yaml': config, 'b.yaml': workerConfig('b', { pipelines: [pipeline] }) } })
    expect(await runProgram(['explain', 'a.yaml', 'b.yaml', '--format', 'json'], '1', host)).toBe(0)
    const shared = { pipeline: 'main', guarantee: 'at-least-once', delivery: 'at-least-once' }
    expect(JSON.parse(host.stdout.text)).toMatchObject([
      { worker: 'oceanic', file: 'oceanic.yaml', ...shared },
      { worker: 'b', ...shared, weakenedBy: [{ setting: 'source.onGap: skip' }] },
    ])
  })

  it('ends with 2 for a config that is wrong, and says where', async () => {
    const host = fakeHost()
    expect(await explain(['a.yaml'], { format: 'text' }, host)).toBe(2)
    expect([host.stdout.text, host.stderr.text]).toEqual(['', expect.stringContaining('a.yaml:7:3')])
  })
})
