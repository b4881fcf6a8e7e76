import { describe, expect, it } from '@jest/globals'
import { PartialBatchError, RecordError } from '@connect-run/core'
import { describeSink, sinkChecks } from '../../src/conformance/index.ts'
import { type SinkDefects, memorySinkDriver } from './memory-sink.ts'
import { failures } from './outcomes.ts'

describeSink('memory', memorySinkDriver())

const everything = 'writes every record, in order within a partition'
const view = 'writes the rows of a view, and no others'
const again = 'changes nothing when a batch comes again, if it says so'
const poison = 'names a record that can never be written'
const recovery = 'recovers the positions that it holds'
const probed = 'leaves nothing open and nothing written when its config is probed'
const leaked: NodeJS.Timeout[] = []

const defects: readonly [what: string, defects: SinkDefects, check: string, message: RegExp][] = [
  ['loses the last row', { rows: (rows) => rows.slice(0, -1) }, everything, /every record is written/],
  ['writes backwards', { rows: (rows) => rows.toReversed() }, everything, /order within partition 0/],
  ['stops at a thousand rows', { rows: (rows) => rows.slice(0, 1000) }, 'writes a large batch', /every record/],
  ['takes a view for its columns', { readsAllRows: true }, view, /every record is written/],
  ['writes twice and says it does not', { keepsDoubles: true }, again, /written once/],
  ['loses what comes meanwhile', { losesConcurrent: true }, 'takes as many puts at a time as it says', /every record/],
  ['breaks on a tombstone', { failsOnTombstones: true }, 'writes tombstones unless it skips them', /value is null/],
  ['does not look at its signal', { ignoresAbort: true }, 'rejects a put whose signal has aborted', /must reject/],
  ['waits for an answer for ever', { hangs: true }, 'gives up a put soon when its signal aborts', /took longer/],
  ['takes poison for good', { failures: () => undefined, writesPoison: true }, poison, /must reject|was written/],
  [
    'names a row of the columns',
    { failures: ([failure], batch) => new PartialBatchError([{ ...failure!, row: batch.packedRow(failure!.row) }]) },
    poison,
    /row 6 is not one of 5/,
  ],
  [
    'names a neighbour',
    { failures: ([failure]) => new PartialBatchError([{ ...failure!, row: failure!.row - 1 }]) },
    poison,
    /only the poison record/,
  ],
  ['fails without saying why', { failures: () => new Error('400') }, poison, /not Error: 400/],
  ['names nothing', { failures: () => new PartialBatchError([]) }, poison, /names rows/],
  [
    'names a row twice',
    { failures: ([failure]) => new PartialBatchError([failure!, failure!]) },
    poison,
    /names a row once/,
  ],
  [
    'gives a row an error that is no instruction',
    { failures: () => new PartialBatchError([{ row: 2, error: new TypeError('no') as never }]) },
    poison,
    /is a RetriableError or RecordError/,
  ],
  [
    'writes nothing beside poison',
    { rows: (rows) => (rows.length === 4 ? [] : rows) },
    poison,
    /every record is written/,
  ],
  [
    'fails for poison that is alone',
    { failures: (failed, batch) => (batch.length === 1 ? new Error('400') : new PartialBatchError(failed)) },
    'names a poison record that is alone',
    /not Error: 400/,
  ],
  ['forgets its positions', { forgetsPositions: true }, recovery, /strictly/],
  ['keeps what was not committed', { keepsUncommitted: true }, recovery, /every record is written/],
  ['writes when it is probed', { probeWrites: true }, 'writes nothing when it is probed', /strictly/],
  ['writes when its config is probed', { probeWrites: true }, probed, /strictly/],
  ['leaves a timer behind a probe', { leaks: (timer) => leaked.push(timer) }, probed, /left open: Timeout/],
  ['learns nothing by a probe', { learned: [] }, probed, /tells what it has learned/],
  [
    'does not say why a probe failed',
    { unreachableIs: () => new Error('ECONNREFUSED') },
    'says what is wrong when a config is probed without the other side',
    /ConnectError, not Error: ECONNREFUSED/,
  ],
  [
    'waits for an answer to a probe for ever',
    { hangs: true },
    'gives up a probe soon when its signal aborts',
    /took longer/,
  ],
  [
    'gives up where nobody answers',
    { unreachableIs: () => new Error('ECONNREFUSED') },
    'asks for another attempt where the other side is not there',
    /RetriableError, not Error: ECONNREFUSED/,
  ],
  ['fails to stop', { stopThrows: true }, 'can be stopped without having been started', /not started/],
  ['leaves a timer', { leaks: (timer) => leaked.push(timer) }, 'frees everything when it stops', /left open: Timeout/],
]

describe('a sink that', () => {
  it.each(defects)('%s is caught', async (_, defect, name, message) => {
    const check = sinkChecks.find((one) => one.name === name)!
    const error = await Promise.resolve()
      .then(() => check.run(memorySinkDriver(defect)))
      .then(
        () => 'the check passed',
        (reason: unknown) => String(reason),
      )
    for (const timer of leaked.splice(0)) clearInterval(timer)
    expect(error).toMatch(message)
  })

  it('is right fails nothing', async () => {
    expect(await failures(sinkChecks, memorySinkDriver())).toEqual(new Map())
  })

  it('may leave the search for poison to the runtime', async () => {
    const bisected = { failures: () => new RecordError('RECORD_REJECTED', 'one of them') }
    expect(await failures(sinkChecks, memorySinkDriver(bisected))).toEqual(new Map())
  })

  it('need not be idempotent, ordered or take tombstones', async () => {
    const traits = { idempotent: false, ordered: false, tombstones: 'skip' } as const
    const loose = {
      traits,
      keepsDoubles: true,
      failsOnTombstones: true,
      rows: <T>(rows: T[]): T[] => rows.toReversed(),
    }
    const failed = await failures(sinkChecks, memorySinkDriver(loose))
    expect([...failed.keys()]).toEqual([])
  })
})

it('has a defect for every check', () => {
  const caught = new Set(defects.map(([, , check]) => check))
  expect(sinkChecks.map((check) => check.name).filter((name) => !caught.has(name))).toEqual([])
})
