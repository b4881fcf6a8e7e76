import { describe, expect, it } from '@jest/globals'

import { diagnosticsOf, loadConfig, loadPipeline, pipelineOf } from './fixtures.ts'

const withErrors = (errors: string, source = 'brokers: a:1\ncount: "${N:-7}"'): string =>
  pipelineOf(source, `    errors: ${errors}\n`)

const messages = async (text: string): Promise<string[]> => (await diagnosticsOf(text)).map(({ message }) => message)

describe('dead letters', () => {
  it('go to a topic of the end that can take them, the source first', async () => {
    const { errors } = await loadPipeline(withErrors('{tolerance: all, deadLetterQueue: {topic: dlq}}'))
    expect(errors.deadLetterQueue).toMatchObject({
      kind: 'sink',
      plugin: { name: 'fake' },
      config: { brokers: 'a:1', topics: ['dlq'], timeout: 5000 },
      describe: 'topic dlq (fake)',
    })
  })

  it('go to a topic of the sink where only that can', async () => {
    const text = `name: app
pipelines:
  main:
    source: {connector: reader}
    sink: {connector: fake, brokers: b:2}
    errors: {tolerance: all, deadLetterQueue: {topic: dlq}}
`
    expect((await loadPipeline(text)).errors.deadLetterQueue).toMatchObject({ config: { brokers: 'b:2' } })
    const neither = text.replace('{connector: fake, brokers: b:2}', '{connector: store, url: http://s}')
    expect(await messages(neither)).toEqual(['no end of this pipeline can take dead letters to a topic'])
  })

  it('go to a file, beside the state unless told', async () => {
    const { errors } = await loadPipeline(withErrors('{tolerance: all, deadLetterQueue: {path: d/x.jsonl}}'))
    expect(errors.deadLetterQueue).toEqual({
      kind: 'file',
      path: '/etc/app/d/x.jsonl',
      maxFileBytes: 64 * 1024 * 1024,
    })
    const beside = await loadPipeline(withErrors('{tolerance: all, deadLetterQueue: {}}'))
    expect(beside.errors.deadLetterQueue).toEqual({
      kind: 'file',
      path: '/etc/app/.connect-run/app-main.dlq.jsonl',
      maxFileBytes: 64 * 1024 * 1024,
    })
  })

  it('go to any connector', async () => {
    const text = withErrors('{tolerance: all, deadLetterQueue: {connector: store, url: "http://s"}}')
    expect((await loadConfig(text)).pipelines[0]!.errors.deadLetterQueue).toMatchObject({
      kind: 'sink',
      plugin: { name: 'store' },
      config: { url: 'http://s' },
      options: { url: 'http://s' },
      describe: 'connector store',
    })
  })

  it('stop the pipeline beyond limits, wherever they go', async () => {
    for (const place of ['topic: dlq', 'path: x', 'connector: store, url: "http://s"']) {
      const queue = `{${place}, maxRate: 1000/1m, maxShare: 2.5%/10s}`
      const text = withErrors(`{tolerance: all, deadLetterQueue: ${queue}}`)
      expect((await loadPipeline(text)).errors.deadLetterLimits).toEqual({
        maxRate: { records: 1000, windowMs: 60_000 },
        maxShare: { share: 0.025, windowMs: 10_000 },
      })
    }
    const { errors } = await loadPipeline(withErrors('{tolerance: all, deadLetterQueue: {maxFileSize: 1MiB}}'))
    expect(errors.deadLetterLimits).toBeUndefined()
    expect(errors.deadLetterQueue).toMatchObject({ maxFileBytes: 1024 * 1024 })
  })

  it.each([
    [
      '{tolerance: all, deadLetterQueue: {topic: a, maxRate: 1000}}',
      ['must be a number of records within a time, like 1000/1m'],
    ],
    [
      '{tolerance: all, deadLetterQueue: {topic: a, maxShare: 0.1/1m}}',
      ['must be a share of the records read within a time, like 5%/10m'],
    ],
    ['{tolerance: all, deadLetterQueue: {topic: a, path: b}}', ['takes either `topic` or `path`']],
    ['{tolerance: all, deadLetterQueue: {topc: a}}', ['unknown key "topc"']],
    ['{tolerance: all, deadLetterQueue: {connector: store}}', ['"url" is missing']],
    ['{deadLetterQueue: {topic: dlq}}', ['nothing goes there with `tolerance: none`']],
    ['{tolerance: all, deadLetterQueue:}', ['has no value']],
  ])('%s is wrong', async (errors, expected) => expect(await messages(withErrors(errors))).toEqual(expected))

  it('may not go to a topic that is read', async () => {
    const text = withErrors('{tolerance: all, deadLetterQueue: {topic: t}}', 'brokers: a\ntopics: [t]')
    expect(await messages(text)).toEqual(['is a topic that this pipeline reads'])
  })

  it('need a place where the state has no folder', async () => {
    const text = `${withErrors('{tolerance: all, deadLetterQueue: {}}')}state: {url: 'memory:'}\n`
    expect(await messages(text)).toEqual(['needs a `topic`, a `path` or a `connector`'])
  })
})
