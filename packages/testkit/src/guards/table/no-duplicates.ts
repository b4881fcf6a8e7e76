import type { Guard } from '../guard.ts'

export const noDuplicates: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'packages/core/src/worker/open-ends.ts',
    code: '(await sink.recover?.({ partitions: undefined, stored })) ?? []',
    instead: 'stored.length === 0 ? [] : ((await sink.recover?.({ partitions: undefined, stored })) ?? [])',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title:
      'asks the sink for its positions also where the state store has none, as after a crash before its first write',
  },
  {
    file: 'packages/core/src/offsets/offset-committer.ts',
    code: 'await sink.commit?.(positions, tracker.passed())',
    instead: 'await sink.commit?.(positions, positions)',
    test: 'packages/core/test/offsets/offset-committer.test.ts',
    title: 'tells the sink what has passed before, and not what could not be stored',
  },
  {
    file: 'packages/core/src/worker/commit-timing.ts',
    code: 'await commits.now()',
    instead: '',
    test: 'packages/core/test/worker/commit-timing.test.ts',
    title: 'commits after each thousand records where a crash would double them',
  },
  {
    file: 'packages/core/src/worker/commit-timing.ts',
    code: 'await commits.now()',
    instead: 'void commits.now()',
    test: 'packages/core/test/worker/commit-timing.test.ts',
    title: 'keeps the next batch waiting',
  },
  {
    file: 'connectors/file/src/sink/file-chain.ts',
    code: 'await active.cutTo(checkpoint.length)',
    instead: '',
    test: 'connectors/file/test/sink/crash.test.ts',
    title: 'hold every line once, in order and whole, whatever crashes, commits and rebalances there were',
  },
  {
    file: 'connectors/file/src/sink/bookkeeping.ts',
    code: 'if (mark !== undefined && isUpTo(batch.offset(i), batch.index(i), mark)) continue',
    instead: '',
    test: 'connectors/file/test/sink/crash.test.ts',
    title: 'hold every line once, in order and whole, whatever crashes, commits and rebalances there were',
  },
  {
    file: 'connectors/file/src/sink/written-rows.ts',
    code: 'if (passed > 0 && hasLeft) return undefined',
    instead: '',
    test: 'connectors/file/test/sink/written-rows.test.ts',
    title: 'pass up to the same place as when each is looked at by itself, in whatever order they come',
  },
  {
    file: 'connectors/file/src/sink/file-chain.ts',
    code: '{ ...this.#checkpoint!, later: inodesAfter(this.#links, this.#next) }',
    instead: '{ ...this.#checkpoint! }',
    test: 'connectors/file/test/sink/crash.test.ts',
    title: 'hold every line once, in order and whole, after a %s at any step',
  },
  {
    file: 'connectors/file/src/sink/checkpoint.ts',
    code: 'await draft.sync()',
    instead: '',
    test: 'connectors/file/test/sink/crash.test.ts',
    title: 'hold every line once, in order and whole, after a %s at any step',
  },
  {
    file: 'connectors/file/src/sink/file-chain.ts',
    code: 'if (isClosed) await files.rename(closed, file)',
    instead: '',
    test: 'connectors/file/test/sink/failures.test.ts',
    title: 'is a rotation that fails half-way: the next start undoes it',
  },
  {
    file: 'connectors/file/src/sink/finish-rotated.ts',
    code: '.filter(({ sequence }) => sequence < below)',
    instead: '',
    test: 'connectors/file/test/sink/rotation.test.ts',
    title: 'gives a file its lasting name once a checkpoint is beyond it, so that who finds it finds it for good',
  },
  {
    file: 'connectors/file/src/sink/file-chain.ts',
    code: 'checkpoint.tail === (await active.tailBefore(checkpoint.length))',
    instead: 'true',
    test: 'connectors/file/test/sink/sink-task.test.ts',
    title: 'is not cut where it %s, and that is said',
  },
]
