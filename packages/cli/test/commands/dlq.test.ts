import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { PartialBatchError, RecordError, RetriableError, sinkConnector, sourceConnector } from '@connect-run/core'
import { converters, fileJournal, type PipelineConfig } from '@connect-run/core/runtime'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'

import { runProgram } from '../../src/program.ts'
import { type FakeHost, FakeStream, fakeHost, until, workerConfig } from '../fake-host.ts'

let folder: string
let written: string[]
let onPut: (offsets: readonly number[]) => void

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-dlq-'))
  written = []
  onPut = () => undefined
})

afterEach(() => rmSync(folder, { recursive: true }))

const schema = { type: 'object', properties: {} } as const

const plugin = {
  name: 'fake',
  description: 'For tests.',
  source: sourceConnector({
    description: 'Reads.',
    config: schema,
    create: () => {
      throw new Error('a replay reads no source')
    },
  }),
  sink: sinkConnector({
    description: 'Writes.',
    config: schema,
    create: () => ({
      start: async () => undefined,
      put: async (batch) => {
        onPut(Array.from(batch, ({ offset }) => offset))
        for (const record of batch) written.push(`${record.stream}/${record.partition}/${record.offset}`)
      },
      stop: async () => undefined,
    }),
  }),
}

const pathOf = (): string => join(folder, 'q.jsonl')

function pipeline(name: string, deadLetterQueue: PipelineConfig['errors']['deadLetterQueue']): PipelineConfig {
  const json = converters.find((each) => each.name === 'json')!.create({} as never)
  const end = { plugin, config: {}, key: json, value: json }
  const retry = { initialDelayMs: 1, maxDelayMs: 2, maxAttempts: 0, maxElapsedMs: 0, attemptTimeoutMs: 0 }
  const more = { latency: 'balanced', transforms: [], errors: { tolerance: 'all', deadLetterQueue } } as const
  return { name, source: end, sink: { ...end, batch: {}, concurrency: undefined, retry }, ...more } as never
}

function hostWith(...pipelines: PipelineConfig[]): FakeHost {
  const file = { kind: 'file', path: pathOf(), maxFileBytes: 1e6 } as const
  const own = pipelines.length > 0 ? pipelines : [pipeline('main', file)]
  const config = workerConfig('app', { pipelines: own, state: { kind: 'file', folder } })
  return fakeHost({ configs: { 'a.yaml': config } })
}

interface LetterSetting {
  readonly offset: number
  readonly partition?: number
  readonly value?: string
  readonly code?: string
  readonly message?: string
  readonly at?: string
  readonly pipeline?: string
}

function letterLine({ offset, partition = 0, value = `{"n":${offset}}`, at, ...told }: LetterSetting): string {
  const { code = 'RECORD_REJECTED', message = `refused ${offset}` } = told
  const headers = Object.entries({
    topic: 'oceanic',
    partition: String(partition),
    offset: String(offset),
    stage: 'TASK_PUT',
    'exception.message': message,
    code,
    ...(told.pipeline !== undefined && { pipeline: told.pipeline }),
    hint: 'mend it',
    attempts: '3',
    'first.failure.time': at ?? '2026-01-31T12:00:00.000Z',
    timestamp: '1700000000000',
  }).map(([name, text]) => ({ key: `__connect.errors.${name}`, value: { utf8: text } }))
  const key = { utf8: '"k"' }
  const own = [{ key: 'trace', value: { base64: '/wA=' } }]
  const record = { stream: 'oceanic', partition, offset, timestamp: 1, key, value: { utf8: value } }
  return `${JSON.stringify({ ...record, headers: [...own, ...headers] })}\n`
}

const write = (...letters: LetterSetting[]): void =>
  writeFileSync(pathOf(), letters.map(letterLine).join(''), { flag: 'a' })

async function dlq(args: string, host = hostWith()): Promise<{ code: number; out: string; err: string }> {
  const [command, ...rest] = args.split(' ').filter((part) => part !== '')
  const code = await runProgram(['dlq', command!, 'a.yaml', ...rest], '1', host)
  return { code, out: host.stdout.text, err: host.stderr.text }
}

describe('dlq list', () => {
  it('counts letters by cause', async () => {
    write({ offset: 1 }, { offset: 2 }, { offset: 3, code: 'CONVERSION_FAILED', message: 'not JSON' })
    writeFileSync(pathOf(), 'damage\n', { flag: 'a' })
    const { code, out } = await dlq('list')
    expect(code).toBe(0)
    const lines = out.split('\n')
    expect(lines[0]).toBe(`${pathOf()}  3 letters, 0 replayed`)
    expect(lines[3]).toMatch(/^ +2 +0 +RECORD_REJECTED +TASK_PUT +2026-01-31T12:00:00Z .* oceanic\/0\/1 +refused 1$/)
    expect(lines[4]).toMatch(/^ +1 +0 +CONVERSION_FAILED .* not JSON$/)
    expect(out).toContain("1 line that can't be read as dead letters: q.jsonl:4")
  })

  it('has a paragraph for each cause on a terminal that is too narrow for a table', async () => {
    write({ offset: 1, message: 'the value has no field "pressure", which the table needs, and none can be made up' })
    const terminal = new FakeStream(true)
    await runProgram(['dlq', 'list', 'a.yaml'], '1', { ...hostWith(), stdout: terminal, env: { NO_COLOR: '1' } })
    expect(terminal.screen.split('\n').slice(2)).toEqual([
      '1 letter, 0 replayed: RECORD_REJECTED in TASK_PUT',
      '  the value has no field "pressure", which the table needs, and none can be made up',
      '  from 2026-01-31T12:00:00Z to 2026-01-31T12:00:00Z',
      '  such as oceanic/0/1',
      '',
    ])
  })

  it('selects by code, coordinates and time', async () => {
    write({ offset: 1 }, { offset: 2, code: 'TIMEOUT' }, { offset: 3, partition: 1, at: '2026-02-01T00:00:00Z' })
    const letters = async (filters: string): Promise<unknown> => {
      return (JSON.parse((await dlq(`list --format json ${filters}`)).out) as { letters: number }).letters
    }
    expect(await letters('')).toBe(3)
    expect(await letters('--code TIMEOUT --code OTHER')).toBe(1)
    expect(await letters('--partition 1')).toBe(1)
    expect(await letters('--stream oceanic --offsets 2-3')).toBe(2)
    expect(await letters('--stream other')).toBe(0)
    expect(await letters('--since 2026-02-01T00:00:00Z')).toBe(1)
    expect(await letters('--until 2026-02-01T00:00:00Z')).toBe(2)
    expect(await letters('--since 1s')).toBe(0)
  })

  it('leaves out what other pipelines have set aside in the same queue, as replay and purge do', async () => {
    write({ offset: 1, pipeline: 'app-main' }, { offset: 2, pipeline: 'app-other' }, { offset: 3 })
    const { out } = await dlq('list')
    expect(out).toContain('2 letters, 0 replayed')
    expect(out).toContain('1 letter of other pipelines left out (--any-pipeline takes them).')
    expect((await dlq('list --any-pipeline')).out).toContain('3 letters, 0 replayed')
    expect((await dlq('replay')).out).toBe('Replayed 2 records of 2 records.\n')
    expect(written).toEqual(['oceanic/0/1', 'oceanic/0/3'])
    expect((await dlq('purge --unreplayed')).out).toBe('Purged 2 letters, 1 letter left.\n')
  })

  it.each(['--offsets 5-2', '--partition x', '--since never', '--limit 1'])('refuses %s', async (option) => {
    expect((await dlq(`list ${option}`)).code).toBe(2)
  })
})

describe('dlq show', () => {
  it('prints headers, reason, hint and value, and no control characters', async () => {
    write({ offset: 7, value: '"a\\u001b[2Jb"', message: 'bad \u001B[31m value' }, { offset: 8, value: 'no json' })
    const { code, out, err } = await dlq('show --limit 1')
    expect(code).toBe(0)
    expect(out).not.toContain('\u001B')
    expect(out.split('\n').map((line) => line.trim())).toEqual([
      'oceanic/0/7  RECORD_REJECTED in TASK_PUT, q.jsonl:1',
      'bad \\u001b[31m value',
      'mend it',
      'failed     2026-01-31T12:00:00.000Z, attempts: 3',
      'timestamp  2023-11-14T22:13:20.000Z',
      'header     trace: 0xff00',
      'key        "k"',
      'value      "a\\u001b[2Jb"',
      '',
    ])
    expect(err).toContain('The first 1.')
    expect((await dlq('show --offsets 8')).out).toContain('value      no json\n')
    const [json] = JSON.parse((await dlq('show --format json')).out) as object[]
    expect(json).toMatchObject({
      offset: 7,
      reason: 'bad \u001B[31m value',
      hint: 'mend it',
      attempts: 3,
      headers: [{ key: 'trace', value: { base64: '/wA=' } }],
      value: { utf8: '"a\\u001b[2Jb"', decoded: 'a\u001B[2Jb' },
    })
  })
})

describe('dlq replay', () => {
  it('says what it would do, and does nothing', async () => {
    write({ offset: 1 }, { offset: 2 })
    expect(await dlq('replay --dry-run')).toMatchObject({ code: 0, out: 'Would replay 2 records (2 letters).\n' })
    expect(written).toEqual([])
    expect(existsSync(`${pathOf()}.journal`)).toBe(false)
  })

  it('replays once, and says what failed again', async () => {
    write({ offset: 1 }, { offset: 2 }, { offset: 3, value: 'no json' })
    onPut = (offsets) => {
      if (offsets.length === 1) throw new RecordError('RECORD_TOO_LARGE', 'too large')
    }
    const first = await dlq('replay')
    expect(first).toMatchObject({ code: 1, out: 'Replayed 2 records of 3 records; 1 record failed again.\n' })
    expect(first.err).toMatch(/1 record: CONVERSION_FAILED in VALUE_CONVERTER: not JSON/)
    expect(written).toEqual(['oceanic/0/1', 'oceanic/0/2'])
    const again = await dlq('replay')
    expect(again.out).toBe('Replayed 0 records of 1 record; 1 record failed again.\n')
    expect(again.err).toContain('2 records replayed before: left out (--again takes them).')
    expect((await dlq('show --offsets 3')).out).toMatch(/CONVERSION_FAILED in VALUE_CONVERTER[^]*attempts: 5/)
    expect((await dlq('replay --offsets 1 --again')).code).toBe(1)
    expect((await dlq('list --code CONVERSION_FAILED')).out).toContain('1 letter,')
  })

  it('ends with a stop while the sink is down, and goes on the next time', async () => {
    write({ offset: 1 })
    const host = hostWith()
    let calls = 0
    onPut = () => {
      if (++calls < 3) throw new RetriableError('UNREACHABLE', 'down')
      host.signal()
      throw new RetriableError('UNREACHABLE', 'down')
    }
    const stopped = await dlq('replay', host)
    expect(stopped).toMatchObject({ code: 1, out: 'Replayed 0 records of 1 record.\n' })
    expect(stopped.err).toContain('Stopped. The same command goes on where it was.')
    onPut = () => undefined
    expect((await dlq('replay')).code).toBe(0)
    await until(() => written.length === 1)
  })

  it('ends with 1 where the sink refuses everything, and with 3 where another process replays', async () => {
    write({ offset: 1 })
    onPut = () => {
      throw new Error('broken')
    }
    expect(await dlq('replay')).toMatchObject({ code: 1, out: '' })
    const journal = await fileJournal(`${pathOf()}.journal`).open(new AbortController().signal)
    expect(await dlq('replay')).toMatchObject({ code: 3 })
    await journal.close()
    onPut = (offsets) => {
      throw new PartialBatchError(offsets.map((_, row) => ({ row, error: new RecordError('RECORD_INVALID', 'no') })))
    }
    expect(await dlq('replay')).toMatchObject({ code: 1 })
  })
})

describe('replays that hosts remember together', () => {
  const sharedBy = (tasks: string[]): FakeHost => {
    const journalAt = fileJournal(join(folder, 'shared'))
    const of = (task: string) => {
      tasks.push(task)
      return { ...journalAt, location: 'redis://there' }
    }
    return { ...hostWith(), openJournals: async () => ({ of }) }
  }

  it('are asked and told by every command, under the name of the pipeline', async () => {
    write({ offset: 1 }, { offset: 2 })
    const tasks: string[] = []
    expect(await dlq('replay --offsets 1', sharedBy(tasks))).toMatchObject({ code: 0, err: '' })
    expect(existsSync(`${pathOf()}.journal`)).toBe(false)
    const listed = await dlq('list --format json', sharedBy(tasks))
    expect(JSON.parse(listed.out)).toMatchObject({ journal: 'redis://there', letters: 2, replayed: 1 })
    expect((await dlq('show', sharedBy(tasks))).out).toContain('replayed')
    expect((await dlq('purge', sharedBy(tasks))).out).toBe('Purged 1 letter, 1 letter left.\n')
    expect(new Set(tasks)).toEqual(new Set(['app-main']))
  })

  it('say that nothing is read of what this host remembers', async () => {
    write({ offset: 1 })
    await dlq('replay')
    const { err } = await dlq('replay', sharedBy([]))
    expect(err).toContain(`${pathOf()}.journal is not looked at: replays are remembered in redis://there.`)
  })
})

describe('dlq purge', () => {
  it('removes what was replayed, and with --unreplayed what was not', async () => {
    write({ offset: 1 }, { offset: 2 })
    await dlq('replay --offsets 1')
    expect(await dlq('purge --dry-run')).toMatchObject({ code: 0, out: 'Would purge 1 letter.\n' })
    expect(await dlq('purge')).toMatchObject({ code: 0, out: 'Purged 1 letter, 1 letter left.\n' })
    expect(await dlq('purge')).toMatchObject({ out: 'Purged 0 letters, 1 letter left.\n' })
    expect(await dlq('purge --unreplayed --offsets 5')).toMatchObject({ out: 'Purged 0 letters, 1 letter left.\n' })
    expect(await dlq('purge --unreplayed')).toMatchObject({ out: 'Purged 1 letter, 0 letters left.\n' })
    expect(readFileSync(`${pathOf()}.journal`, 'utf8')).toBe('{"chunk":1,"summary":[]}\n')
  })
})

describe('the pipeline', () => {
  const file = { kind: 'file', path: '/none', maxFileBytes: 1 } as const

  it('is found where only one has a queue', async () => {
    const host = hostWith(pipeline('a', undefined), pipeline('b', { ...file, path: pathOf() }))
    expect(await dlq('list', host)).toMatchObject({ code: 0, out: `${pathOf()}  0 letters, 0 replayed\n` })
  })

  it.each([
    [[pipeline('a', undefined)], '', 'No pipeline of app.yaml has a dead letter queue (errors.deadLetterQueue).\n'],
    [[pipeline('a', file), pipeline('b', file)], '', 'Say which with --pipeline: a and b.\n'],
    [[pipeline('main', file)], '--pipeline mian', 'No pipeline is named "mian". Did you mean "main"?\n'],
  ])('is asked for otherwise', async (pipelines, options, said) => {
    expect(await dlq(`list ${options}`, hostWith(...pipelines))).toMatchObject({ code: 2, err: said })
  })

  it('has no queue: said with what to do', async () => {
    const { code, err } = await dlq('list --pipeline a', hostWith(pipeline('a', undefined)))
    expect([code, err]).toEqual([2, expect.stringContaining('Set `errors: {tolerance: all, deadLetterQueue: …}`')])
  })
})
