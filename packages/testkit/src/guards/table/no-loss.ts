import type { Guard } from '../guard.ts'

export const noLoss: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'packages/core/src/offsets/partition-track.ts',
    code: 'while (n < this.ranges.length && this.ranges[n]!.left === 0) this.done',
    instead: 'while (n < this.ranges.length) this.done',
    test: 'packages/core/test/offsets/ack-tracker.test.ts',
    title: 'lets a position pass only when every earlier batch of the partition is done',
  },
  {
    file: 'packages/core/src/offsets/partition-track.ts',
    code: 'while (n < this.ranges.length && this.ranges[n]!.left === 0) this.done',
    instead: 'while (n < this.ranges.length) this.done',
    test: 'packages/core/test/offsets/ack-tracker.test.ts',
    title: 'never passes an undone record, in whatever order records are done',
  },
  {
    file: 'packages/core/src/offsets/ack-tracker.ts',
    code: 'if (ticket === undefined || ticket.done[origin - ticket.first] === 1) continue',
    instead: 'if (ticket === undefined) continue',
    test: 'packages/core/test/offsets/ack-tracker.test.ts',
    title: 'counts a row once, however often it is said to be done',
  },
  {
    file: 'packages/core/src/offsets/ack-tracker.ts',
    code: 'if (ticket.pieces !== undefined && !lastPiece(ticket.pieces, origin)) continue',
    instead: '',
    test: 'packages/core/test/offsets/ack-tracker.test.ts',
    title: 'takes a split record for done with the last of its pieces, failed ones included',
  },
  {
    file: 'packages/core/src/offsets/offset-committer.ts',
    code: 'await sink.flush?.(signal)',
    instead: '',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'flushes the sink, then stores positions with it, then lets them pass',
  },
  {
    file: 'packages/core/src/offsets/offset-committer.ts',
    code: 'await sink.commit?.(positions, tracker.passed())',
    instead: '',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'flushes the sink, then stores positions with it, then lets them pass',
  },
  {
    file: 'packages/core/src/offsets/offset-committer.ts',
    code: 'await sink.flush?.(signal)',
    instead: 'await sink.flush?.(signal).catch(() => undefined)',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'does not let positions pass when the flush fails',
  },
  {
    file: 'packages/core/src/offsets/offset-committer.ts',
    code: `const positions = tracker.committable()
    if (positions.length === 0) return this.#parts.storeLedger?.()
    await sink.flush?.(signal)`,
    instead: `await sink.flush?.(signal)
    const positions = tracker.committable()
    if (positions.length === 0) return this.#parts.storeLedger?.()`,
    test: 'packages/core/test/offsets/offset-committer.test.ts',
    title: 'passes only what was done before the sink made it durable',
  },
  {
    file: 'packages/core/src/delivery/sort-out.ts',
    code: 'if (stray !== undefined) throw',
    instead: 'if (stray === null) throw',
    test: 'packages/core/test/delivery/delivery.test.ts',
    title: 'takes nothing for written when the sink names rows that are not there',
  },
  {
    file: 'packages/core/src/offsets/partition-track.ts',
    code: 'while (n < this.ranges.length && this.ranges[n]!.left === 0) this.done',
    instead: 'while (n < this.ranges.length) this.done',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'never commits past a record that is not written',
  },
  {
    file: 'packages/core/src/delivery/tolerance.ts',
    code: 'if (!written) return false',
    instead: '',
    test: 'packages/core/test/delivery/tolerance.test.ts',
    title: 'leaves records undone when a stop cut the dead letter queue short, or it failed',
  },
  {
    file: 'packages/core/src/delivery/tolerance.ts',
    code: 'const written = await deadLetters.write(',
    instead: 'const written = !!deadLetters.write(',
    test: 'packages/core/test/delivery/tolerance.test.ts',
    title: 'takes records for done only when they are safe in the dead letter queue',
  },
  {
    file: 'packages/core/src/pipeline/record-pipeline.ts',
    code: "polled.failures.map((failed) => ({ batch: bound, stage: 'TASK_POLL', ...failed }))",
    instead: '[]',
    test: 'packages/core/test/pipeline/record-pipeline.test.ts',
    title: 'sets records aside that the source could not make, beside tombstones and what transforms drop',
  },
  {
    file: 'connectors/file/src/sink/output-file.ts',
    code: 'throw cannotSync(this.#name, error)',
    instead: '',
    test: 'connectors/file/test/sink/failures.test.ts',
    title: 'is %s that fails, and nothing passes',
  },
  {
    file: 'connectors/kafka/src/source-session.ts',
    code: 'const next = this.#lastCommit.then(() => this.#commit(positions))',
    instead: 'const next = this.#commit(positions)',
    test: 'connectors/kafka/test/source-task.test.ts',
    title: 'sends a commit only when the last was answered, so that none is repeated after a later one',
  },
  {
    file: 'connectors/kafka/src/pump.ts',
    code: `await this.#fetching
      return action()`,
    instead: 'return action()',
    test: 'connectors/kafka/test/source-task.test.ts',
    title: 'takes partitions from the client only while nothing is fetched',
  },
  {
    file: 'connectors/kafka/src/rebalancer.ts',
    code: `await pump.hold(() => this.#give(partitions))
      // Only now`,
    instead: `this.#give(partitions)
      // Only now`,
    test: 'connectors/kafka/test/source-task.test.ts',
    title: 'knows it too where it is asked for the partitions before the fetch ends that tells of it',
  },
  {
    file: 'connectors/kafka/src/pump.ts',
    code: 'if (hasContent(batch)) this.#deliver(batch)',
    instead: 'if (hasContent(batch) && fetched.errors.length === 0) this.#deliver(batch)',
    test: 'connectors/kafka/test/source-task.test.ts',
    title: 'passes the records before an error, and then what the error means',
  },
  {
    file: 'packages/core/src/delivery/parked-records.ts',
    code: 'const parked = await this.#space.park(records)',
    instead: 'const parked = this.#space.park(records) && records.length',
    test: 'packages/core/test/delivery/parked-records.test.ts',
    title: 'lets no position pass before what is parked is durable',
  },
  {
    file: 'packages/core/src/state/durable-file.ts',
    code: "await writeDurably(draft, text)\n  crashPoint('state-synced')\n  await rename(draft, path)",
    instead: 'await writeDurably(path, text)',
    test: 'packages/core/test/state/durable-file.test.ts',
    title: 'leaves the old text at its place until the new one is on the disk, and then puts the name there, too',
  },
  {
    file: 'packages/state-redis/src/server-checks.ts',
    code: "if (!evictionPolicy.startsWith('allkeys')) return undefined",
    instead: 'if (evictionPolicy !== undefined) return undefined',
    test: 'packages/state-redis/test/server-checks.test.ts',
    title: 'is said: %j',
  },
  {
    file: 'packages/core/src/state/durable-file.ts',
    code: 'await syncFolder(dirname(path))',
    instead: '',
    test: 'packages/core/test/state/durable-file.test.ts',
    title: 'leaves the old text at its place until the new one is on the disk, and then puts the name there, too',
  },
]
