import type { Guard } from '../guard.ts'

export const exactlyOnce: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'packages/core/src/worker/record-flow.ts',
    code: 'await this.#drain()\n      if (!this.#gaveUp) await action()',
    instead: 'await action()',
    test: 'packages/core/test/worker/transactions.test.ts',
    title: 'gets positions that cover exactly what it was given, with %s',
  },
  {
    file: 'packages/core/src/worker/record-flow.ts',
    code: 'if (!this.#gaveUp) await action()',
    instead: 'await action()',
    test: 'packages/core/test/worker/transactions.test.ts',
    title: 'commits nothing of what a stop has cut short',
  },
  {
    file: 'packages/core/src/worker/run-task.ts',
    code: 'whileSettled: isTransactional ? (commit) => flow.whileSettled(commit) : undefined',
    instead: 'whileSettled: undefined',
    test: 'packages/core/test/worker/transactions.test.ts',
    title: 'gets positions that cover exactly what it was given, with %s',
  },
  {
    file: 'packages/core/src/config/guarantee.ts',
    code: 'return answer ?? { reason: `the ${plugin.name} sink does not write in transactions` }',
    instead: 'return answer',
    test: 'packages/core/test/config/guarantee.test.ts',
    title: 'is refused with the reason: %s',
  },
  {
    file: 'connectors/kafka/src/positions-topic.ts',
    code: 'fetched.ends.some(({ offset }) => offset >= end)',
    instead: 'fetched.ends.length > 0',
    test: 'connectors/kafka/test/positions-topic.test.ts',
    title: 'is read up to the end that the brokers say, though one says before that this is all',
  },
]
