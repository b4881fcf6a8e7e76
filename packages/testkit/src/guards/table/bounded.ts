import type { Guard } from '../guard.ts'

export const bounded: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'packages/core/src/worker/flow-control.ts',
    code: 'const records = this.#limits.maxRecords - this.#tracker.records',
    instead: 'const records = this.#limits.maxRecords',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'slows the source down when the sink is slow: what is in flight is bounded',
  },
  {
    file: 'packages/core/src/worker/flow-control.ts',
    code: 'const bytes = this.#limits.maxBytes - this.#tracker.bytes',
    instead: 'const bytes = this.#limits.maxBytes',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'bounds bytes in flight as well',
  },
  {
    file: 'packages/core/src/worker/flow-control.ts',
    code: 'maxBytes: Math.min(bytes, maxBytes, this.#preparable)',
    instead: 'maxBytes: Math.min(bytes, maxBytes)',
    test: 'packages/core/test/worker/flow-control.test.ts',
    title: 'lets a poll ask for no more bytes than a batch has, or than were prepared in 8 ms of late',
  },
  {
    file: 'packages/core/src/worker/flow-control.ts',
    code: 'maxRecords: Math.min(records, maxRecords)',
    instead: 'maxRecords: records',
    test: 'packages/core/test/worker/flow-control.test.ts',
    title: 'lets a poll ask for what there is room for, and for no more than about one batch',
  },
  {
    file: 'packages/core/src/delivery/backoff.ts',
    code: '(maxAttempts === 0 || attempt < maxAttempts)',
    instead: 'maxAttempts > -1',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'gives up retrying where the config says so',
  },
  {
    file: 'packages/core/src/delivery/delivery.ts',
    code: `story.failures = 0
      story.since = undefined`,
    instead: '',
    test: 'packages/core/test/delivery/delivery.test.ts',
    title: 'counts attempts and time from the first failure since something was written',
  },
  {
    file: 'packages/core/src/worker/record-flow.ts',
    code: 'idle = waited ? 0 : Math.min(IDLE_MS, idle * 2 + 1)',
    instead: 'idle = 0',
    test: 'packages/core/test/worker/run-task.test.ts',
    title: 'asks an idle source less often, also one that takes a moment to say that there is nothing',
  },
  {
    file: 'packages/core/src/worker/record-flow.ts',
    code: 'this.#read.abort()',
    instead: '',
    test: 'packages/core/test/worker/run-task.test.ts',
    title: 'leaves no timer behind, however long batches may linger',
  },
  {
    file: 'connectors/kafka/src/pump.ts',
    code: 'this.#backlog.reduce((bytes, { packed }) => bytes + packed.buffer.length, 0) > PAUSE_AFTER_BYTES',
    instead: 'false',
    test: 'connectors/kafka/test/source-task.test.ts',
    title: 'stops the flow of large records early',
  },
  {
    file: 'connectors/kafka/src/pump.ts',
    code: 'else if (this.#wanting && this.isEmpty) await this.#fetchAhead()',
    instead: 'else if (this.#wanting) await this.#fetchAhead()',
    test: 'connectors/kafka/test/source-task.test.ts',
    title: 'fetches one batch ahead while the sink works, as large as the largest poll, and no more',
  },
  {
    file: 'packages/core/src/delivery/breaker.ts',
    code: 'this.#isDue = false\n    this.#probe = { isProbe: true }',
    instead: 'this.#probe = { isProbe: true }',
    test: 'packages/core/test/delivery/breaker.test.ts',
    title: 'makes one call at a time while the sink fails, and lets all go on when it works again',
  },
  {
    file: 'packages/core/src/delivery/backoff.ts',
    code: 'return Math.ceil(random() * bound)',
    instead: 'return Math.ceil(bound)',
    test: 'packages/core/test/delivery/backoff.test.ts',
    title: 'is anything from nothing up to a bound that doubles, and then stays',
  },
]
