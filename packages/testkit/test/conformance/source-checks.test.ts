import { describe, expect, it } from '@jest/globals'
import { type PollLimits, type SourceTask, sourceConnector } from '@connect-run/core'
import { describeSource, sourceChecks } from '../../src/conformance/index.ts'
import { type SourceDefects, groupSourcePlugin, memorySourceDriver } from './memory-source.ts'
import { failures } from './outcomes.ts'

describeSource('memory', memorySourceDriver())
describeSource('group', { ...memorySourceDriver(), plugin: groupSourcePlugin() })
describeSource('counting', { plugin: counting(), options: () => Promise.resolve({}) })

/** Makes records of its own, without an end. */
function counting(): ReturnType<typeof memorySourceDriver>['plugin'] {
  return {
    name: 'counting',
    description: 'Counts, for tests.',
    source: sourceConnector<object>({
      description: 'Counts from 0.',
      config: { type: 'object', properties: {} },
      create: (): SourceTask<object> => {
        let next = 0
        return {
          start: ({ positions }) => {
            next = positions[0]?.position.offset ?? 0
            return Promise.resolve()
          },
          poll: ({ maxRecords }: PollLimits) =>
            Promise.resolve(
              Array.from({ length: Math.min(maxRecords, 7) }, () => ({ offset: next, value: { n: next++ } })),
            ),
          stop: () => Promise.resolve(),
        }
      },
    }),
  }
}

const probed = 'leaves nothing open and every position when its config is probed'
const leaked: NodeJS.Timeout[] = []
const everything = 'reads everything once, in order'
const resume = 'goes on at its positions, with nothing missing and nothing doubled'

const defects: readonly [what: string, defects: SourceDefects, check: string, message: RegExp][] = [
  ['loses one on resuming', { resumeAt: (offset) => offset + 1 }, resume, /read \d+ of 37/],
  ['repeats one on resuming', { resumeAt: (offset) => Math.max(0, offset - 1) }, resume, /read once|went back/],
  [
    'returns more than asked for',
    { maxRecords: (asked) => asked + 1 },
    'keeps to maxRecords',
    /8 records of at most 7/,
  ],
  [
    'returns rows when the pipeline is full',
    { maxRecords: (asked) => Math.max(1, asked) },
    'returns no rows for maxRecords 0, and goes on afterwards',
    /1 records of at most 0/,
  ],
  [
    'waits too long',
    { wait: ({ maxWaitMs }) => maxWaitMs + 5000 },
    'returns within maxWaitMs when there is nothing',
    /took longer/,
  ],
  [
    'does not listen to its signal',
    { ignoresSignal: true, wait: ({ maxWaitMs }) => (maxWaitMs > 1000 ? 5000 : 20) },
    'returns soon when its signal aborts',
    /took longer/,
  ],
  ['swaps neighbours', { batch: swapped }, everything, /order within partition/],
  ['doubles a record', { batch: (records) => records.flatMap(doubled) }, everything, /records of at most|read once/],
  [
    'repeats an offset',
    { record: (record) => ({ ...record, offset: record.offset >> 1 }) },
    everything,
    /offset 0 follows 0/,
  ],
  [
    'goes back with its positions',
    { record: (record) => ({ ...record, next: { offset: 100 - record.offset } }) },
    'keeps to maxRecords',
    /went back from/,
  ],
  ['reads the first batch only', { onlyOnce: true }, 'sees records that come later', /read 0 of 10/],
  ['goes on after the end', { neverEnds: true }, 'ends with --once, by EndOfSource or by its end positions', /neither/],
  [
    'reads UTF-8 as Latin-1',
    {
      record: (record) => ({
        ...record,
        value: record.value === null ? null : Buffer.from((record.value as Buffer).toString('latin1')),
      }),
    },
    'reads values of any language',
    /strictly/,
  ],
  [
    'cuts large values',
    {
      record: (record) => ({
        ...record,
        value: record.value === null ? null : (record.value as Buffer).subarray(0, 65_536),
      }),
    },
    'reads large values',
    /strictly/,
  ],
  [
    'makes tombstones of empty values',
    { record: (record) => ({ ...record, value: (record.value as Buffer | null)?.length === 0 ? null : record.value }) },
    'reads empty values',
    /strictly/,
  ],
  [
    'makes empty values of tombstones',
    { record: (record) => ({ ...record, value: record.value ?? Buffer.alloc(0) }) },
    'reads tombstones',
    /strictly/,
  ],
  [
    'makes an empty key of no key',
    { record: (record) => ({ ...record, key: record.key ?? Buffer.alloc(0) }) },
    'reads keys, and records without one',
    /strictly/,
  ],
  [
    'keeps one header of a name',
    {
      record: (record) => ({
        ...record,
        headers: [...new Map((record.headers ?? []).map((h) => [h.key, h])).values()],
      }),
    },
    'reads headers, in order and with doubles',
    /strictly/,
  ],
  ['reads by a probe', { probeReads: true }, probed, /read 59 of 60/],
  ['leaves a timer behind a probe', { leaks: (timer) => leaked.push(timer) }, probed, /left open: Timeout/],
  [
    'does not say why a probe failed',
    { probeThrows: () => new Error('ECONNREFUSED') },
    'says what is wrong when a config is probed without the other side',
    /ConnectError, not Error: ECONNREFUSED/,
  ],
  ['fails to stop after a failed start', { stopThrows: true }, 'can be stopped after a failed start', /not started/],
  ['leaves a timer', { leaks: (timer) => leaked.push(timer) }, 'frees everything when it stops', /left open.*Timeout/],
]

function swapped<T extends { readonly partition?: number; readonly value: unknown }>(records: T[]): T[] {
  const [first, second, ...rest] = records
  if (first === undefined || second === undefined || first.partition !== second.partition) return records
  return [{ ...first, value: second.value }, { ...second, value: first.value }, ...rest]
}

function doubled<T extends { readonly offset: number }>(record: T): T[] {
  return [record, { ...record, offset: record.offset + 0.5 }]
}

describe('a source that', () => {
  it.each(defects)('%s is caught', async (_, defect, name, message) => {
    const check = sourceChecks.find((one) => one.name === name)!
    const error = await check.run(memorySourceDriver(defect)).then(
      () => 'the check passed',
      (reason: unknown) => String(reason),
    )
    for (const timer of leaked.splice(0)) clearInterval(timer)
    expect(error).toMatch(message)
  })

  it('is right fails nothing', async () => {
    expect(await failures(sourceChecks, memorySourceDriver())).toEqual(new Map())
  })
})

it('has a defect for every check', () => {
  const caught = new Set(defects.map(([, , check]) => check))
  expect(sourceChecks.map((check) => check.name).filter((name) => !caught.has(name))).toEqual([])
})
