import type { Guard } from '../guard.ts'

export const partitions: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'connectors/kafka/src/orphan-watch.ts',
    code: 'await nudge(this.#stopping.signal)',
    instead: '',
    test: 'connectors/kafka/test/orphan-watch.test.ts',
    title: 'nudges the group when records wait and nobody commits, and says so',
  },
  {
    file: 'connectors/kafka/src/orphan-watch.ts',
    code: 'const found = stuck.filter(([name, { position }]) => this.#nudged.get(name) !== position)',
    instead: 'const found = stuck',
    test: 'connectors/kafka/test/orphan-watch.test.ts',
    title: 'does not nudge again for the same position, as its reader may have a sink that is down',
  },
  {
    file: 'packages/core/src/worker/ownership.ts',
    code: 'await this.#drain(partitions)',
    instead: '',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'drains and commits revoked partitions before they are given up, and drops late rows',
  },
  {
    file: 'packages/core/src/worker/ownership.ts',
    code: 'await within(() => committing, DRAIN_MS, clock)',
    instead: '',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'drains and commits revoked partitions before they are given up, and drops late rows',
  },
  {
    file: 'packages/core/src/worker/ownership.ts',
    code: ' && !stuck()',
    instead: '',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'gives revoked partitions up at once while the sink is down',
  },
  {
    file: 'packages/core/src/offsets/ack-tracker.ts',
    code: 'if (this.#away.size === 0) return batch',
    instead: 'return batch',
    test: 'packages/core/test/offsets/ack-tracker.test.ts',
    title: 'forgets released partitions: late settlements count for nothing and late rows are dropped',
  },
  {
    file: 'packages/core/src/worker/ownership.ts',
    code: ' && clock.monotonic() < until',
    instead: '',
    test: 'packages/core/test/worker/ownership.test.ts',
    title: 'holds a rebalance up for 10 s at most, and forgets what is not done then',
  },
  {
    file: 'packages/core/src/worker/ownership.ts',
    code: 'await within(() => committing, DRAIN_MS, clock)',
    instead: 'await committing',
    test: 'packages/core/test/worker/ownership.test.ts',
    title: 'does not wait while the sink fails, nor for a commit that hangs',
  },
  {
    file: 'packages/core/src/offsets/offset-committer.ts',
    code: 'const held = tracker.held(positions)',
    instead: 'const held = positions',
    test: 'packages/core/test/offsets/offset-committer.test.ts',
    title: 'does not store positions of partitions that were lost while the sink flushed',
  },
]
