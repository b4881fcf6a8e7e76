import { describe, expect, it } from '@jest/globals'
import { type PackedInput, packRecords } from '@connect-run/core'
import { Assignment, isFinished, withoutPartitions } from '../src/assignment.ts'
import type { PartitionOffset } from '../src/client/consumer-client.ts'

function row(partition: number, offset: number, stream = 't'): PackedInput {
  return { stream, partition, offset, timestamp: -1, key: null, value: Buffer.from(`${stream}/${partition}@${offset}`) }
}

function fetched(
  rows: readonly PackedInput[],
  ends: readonly PartitionOffset[] = [],
): Parameters<Assignment['take']>[0] {
  return { batch: packRecords(rows), ends }
}

function at(partition: number, offset: number, stream = 't'): PartitionOffset {
  return { stream, partition, offset }
}

function position(partition: number, offset: number, stream = 't'): object {
  return { stream, partition, position: { offset } }
}

function assigned(...starts: Parameters<Assignment['add']>[0][]): Assignment {
  const assignment = new Assignment()
  for (const start of starts) assignment.add(start)
  return assignment
}

describe('an assignment', () => {
  it('passes the rows of its partitions with one position for each', () => {
    const batch = assigned(at(0, 5), at(1, 0)).take(fetched([row(0, 5), row(1, 0), row(1, 4), row(0, 6)]))
    expect([...batch].map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 5],
      [1, 0],
      [1, 4],
      [0, 6],
    ])
    expect(batch.positions).toEqual([position(0, 7), position(1, 5)])
  })

  it('drops and counts rows of partitions that it does not have', () => {
    const assignment = assigned(at(0, 0))
    const batch = assignment.take(fetched([row(0, 0), row(1, 0), row(0, 1), row(0, 0, 'other')]))
    expect([...batch].map(({ offset }) => offset)).toEqual([0, 1])
    expect(batch.positions).toEqual([position(0, 2)])
    expect(assignment.takeLate()).toBe(2)
    expect(assignment.takeLate()).toBe(0)
  })

  it('drops rows of an assignment before: a partition that came back begins anew', () => {
    const assignment = assigned(at(0, 0))
    assignment.take(fetched([row(0, 0), row(0, 1)]))
    assignment.remove(at(0, 0))
    assignment.add(at(0, 1))
    expect([...assignment.take(fetched([row(0, 1)]))]).toHaveLength(1)
  })

  it('never passes a row twice', () => {
    const assignment = assigned(at(0, 0))
    assignment.take(fetched([row(0, 0), row(0, 1)]))
    expect(assignment.take(fetched([row(0, 1)])).length).toBe(0)
  })

  it('passes offsets without a record at the end of a partition, once', () => {
    const assignment = assigned(at(0, 3))
    const first = assignment.take(fetched([row(0, 3)], [at(0, 6)]))
    expect(first.positions).toEqual([position(0, 6)])
    const again = assignment.take(fetched([], [at(0, 6)]))
    expect([again.length, again.positions]).toEqual([0, []])
  })

  it('says where a partition stands that has nothing to read', () => {
    const batch = assigned(at(0, 9)).take(fetched([], [at(0, 9)]))
    expect([batch.length, batch.positions]).toEqual([0, [position(0, 9)]])
  })

  it('says a start at once that the group must remember', () => {
    const batch = assigned({ ...at(0, 9), settled: true }).take(fetched([]))
    expect(batch.positions).toEqual([position(0, 9)])
  })

  it('goes on where an offset goes back: rows of a fetch before', () => {
    const batch = assigned(at(0, 5)).take(fetched([row(0, 3), row(0, 7), row(0, 6), row(0, 8)]))
    expect([...batch].map(({ offset }) => offset)).toEqual([7, 8])
    expect(batch.positions).toEqual([position(0, 9)])
  })

  it('copies nothing where every row is wanted', () => {
    const fetch = fetched([row(0, 0), row(1, 0), row(0, 1)])
    const batch = assigned(at(0, 0), at(1, 0)).take(fetch)
    expect([batch.isWhole, batch.packed]).toEqual([true, fetch.batch.packed])
  })

  it('is not at the end of a partition that gave more after it', () => {
    const assignment = assigned(at(0, 0))
    const batch = assignment.take(fetched([row(0, 0), row(0, 1)], [at(0, 1)]))
    expect(batch.positions).toEqual([position(0, 2)])
    expect(assignment.get(at(0, 0))!.atEnd).toBe(false)
    assignment.take(fetched([], [at(0, 2)]))
    expect(assignment.get(at(0, 0))!.atEnd).toBe(true)
  })

  it('ends before a given offset, also where no record has the one before', () => {
    const assignment = assigned({ ...at(0, 0), end: 2 })
    const batch = assignment.take(fetched([row(0, 0), row(0, 5), row(0, 6)]))
    expect([...batch].map(({ offset }) => offset)).toEqual([0])
    expect(batch.positions).toEqual([position(0, 2)])
    expect(isFinished(assignment.get(at(0, 0))!)).toBe(true)
  })
})

describe('withoutPartitions', () => {
  it('forgets rows and positions', () => {
    const batch = assigned(at(0, 0), at(1, 0)).take(fetched([row(0, 0), row(1, 0), row(0, 1)]))
    const left = withoutPartitions(batch, [{ stream: 't', partition: 0 }])
    expect([...left].map(({ partition }) => partition)).toEqual([1])
    expect(left.positions).toEqual([position(1, 1)])
  })
})
