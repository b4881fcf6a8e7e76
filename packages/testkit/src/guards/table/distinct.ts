import type { Guard } from '../guard.ts'

export const distinct: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'connectors/cnosdb/src/line-protocol/origin.ts',
    code: "(mapping.partitionTag ? `,partition=${partition}` : '')",
    instead: "''",
    test: 'connectors/cnosdb/test/line-protocol/identity.test.ts',
    title: 'keeps 4 x 50,000 records of one millisecond apart',
  },
  {
    file: 'connectors/cnosdb/src/line-protocol/origin.ts',
    code: 'this.ns = nanosecondOf(this.offset, partition, this.#mapping.identity)',
    instead: 'this.ns = 0',
    test: 'connectors/cnosdb/test/line-protocol/identity.test.ts',
    title: 'keeps 4 x 50,000 records of one millisecond apart',
  },
  {
    file: 'connectors/cnosdb/src/collision-window.ts',
    code: 'if (current.has(at)) return !current.isTakenFrom(at, point)',
    instead: 'if (current.has(at)) return true',
    test: 'connectors/cnosdb/test/line-protocol/transcoder.test.ts',
    title: 'is noticed on whichever way its points came: tag %s',
  },
  {
    file: 'connectors/cnosdb/src/collision-window.ts',
    code: 'if (previous.has(before) && previous.isTakenFrom(before, point)) return false',
    instead: '',
    test: 'connectors/cnosdb/test/collision-window.test.ts',
    title: 'remembers at least the last 16,384 points',
  },
  {
    file: 'connectors/cnosdb/src/collision-window.ts',
    code: 'if (this.#entries[at + 3] === offset && holder === source * SOURCE + place) return false',
    instead: '',
    test: 'connectors/cnosdb/test/line-protocol/identity.test.ts',
    title: 'is the same whenever the record is written again',
  },
  {
    file: 'connectors/cnosdb/src/collision-window.ts',
    code: 'if (current.has(at)) return !current.isTakenFrom(at, point)',
    instead: 'if (current.has(at)) return true',
    test: 'connectors/cnosdb/test/line-protocol/identity.test.ts',
    title: 'are noticed across batches, also when both are written again',
  },
  {
    file: 'packages/core/src/records/record-batch.ts',
    code: 'index[i] = same ? index[i - 1]! + 1 : 0',
    instead: 'index[i] = 0',
    test: 'packages/core/test/records/record-batch.test.ts',
    title: 'are told apart by their index, also when pieces are split again',
  },
  {
    file: 'connectors/elasticsearch/src/operation/index-name.ts',
    code: 'if (other !== undefined && this.#idsRepeat) throw merged(name, other, text)',
    instead: '',
    test: 'connectors/elasticsearch/test/operation/index-name.test.ts',
    title: 'does not let two topics write over each other because their names are made one',
  },
]
