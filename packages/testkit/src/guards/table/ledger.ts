import type { Guard } from '../guard.ts'

export const ledger: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'packages/core/src/offsets/offset-committer.ts',
    code: 'verify()\n    const positions',
    instead: 'const positions',
    test: 'packages/core/test/offsets/offset-committer.test.ts',
    title: 'passes nothing while records are not accounted for',
  },
  {
    file: 'packages/core/src/worker/ledger.ts',
    code: 'if (mismatch !== undefined) throw violated(this.#pipeline, mismatch)',
    instead: '',
    test: 'packages/core/test/worker/ledger.test.ts',
    title: 'is violated by a record that is done and became nothing, with its partition and figures',
  },
  {
    file: 'packages/core/src/offsets/partition-track.ts',
    code: 'if (settledIn(tally) !== count) this.#mismatch ??= this.#describe(position, count, tally, 0)',
    instead: '',
    test: 'packages/core/test/worker/ledger.test.ts',
    title: 'is violated by a record of one batch that is missing where one of another is counted twice',
  },
  {
    file: 'packages/core/src/worker/ledger.ts',
    code: 'if (missing === 0) return',
    instead: 'return',
    test: 'packages/core/test/worker/ledger.test.ts',
    title: 'is violated by records that were taken in and never read, whatever their partition',
  },
  {
    file: 'packages/core/src/worker/partition-ledger.ts',
    code: 'totals.released += read - settledIn(tally)',
    instead: 'totals.released += 0',
    test: 'packages/core/test/worker/ledger.test.ts',
    title: 'counts a record once that is read again, as it would be after a crash',
  },
  {
    file: 'packages/core/src/worker/run-task.ts',
    code: 'const verify = (): void => ledger.verify()',
    instead: 'const verify = (): void => undefined',
    test: 'packages/core/test/worker/stored-ledger.test.ts',
    title: 'fails before the position passes, and names the partition',
  },
  {
    file: 'packages/core/src/worker/open-ends.ts',
    code: 'await state.write({ positions, ledger: entries })',
    instead: 'await state.write({ positions })',
    test: 'packages/core/test/worker/stored-ledger.test.ts',
    title: 'is written together with the positions, and goes on from there after a restart',
  },
  {
    file: 'packages/core/src/worker/partition-ledger.ts',
    code: 'if (!passing.ended) {',
    instead: 'if (passing.records >= 0) {',
    test: 'packages/core/test/worker/partition-ledger.test.ts',
    title: 'sums up partitions that have ended in one entry and takes theirs away',
  },
  {
    file: 'packages/core/src/worker/ledger-slot.ts',
    code: "if (!isConnectError(error) || error.code !== 'STATE_LOCKED') throw error",
    instead: 'throw error',
    test: 'packages/core/test/worker/ledger-slot.test.ts',
    title: 'gives each worker of a pipeline a slot of its own, and goes on in the first that is free',
  },
]
