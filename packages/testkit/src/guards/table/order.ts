import type { Guard } from '../guard.ts'

export const order: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'packages/core/src/worker/dispatcher.ts',
    code: 'if (rows[l]!.length > 0) this.#enqueue(lane, batch.select(rows[l]!))',
    instead: 'if (rows[l]!.length > 0) this.#enqueue(this.#lanes.at(-1 - l)!, batch.select(rows[l]!.toReversed()))',
    test: 'packages/core/test/worker/chaos.test.ts',
    title: 'loses nothing, keeps order where it matters, accounts for every record and always ends',
  },
  {
    file: 'packages/core/src/worker/dispatcher.ts',
    code: 'while (lane.running < lane.width && lane.queue.length > 0) {',
    instead: 'while (lane.queue.length > 0) {',
    test: 'packages/core/test/worker/dispatcher.test.ts',
    title: 'splits a batch by partition for an ordered sink, and gives each partition one batch at a time',
  },
  {
    file: 'packages/core/src/worker/dispatcher.ts',
    code: 'while (lane.running < lane.width && lane.queue.length > 0) {',
    instead: 'while (lane.queue.length > 0) {',
    test: 'packages/core/test/worker/pipeline-runner.test.ts',
    title: 'keeps one batch of a partition in flight where order matters, and several partitions at a time',
  },
  {
    file: 'packages/core/src/delivery/delivery.ts',
    code: 'const isOver = turn === undefined || this.#abandoned || signal.aborted',
    instead: 'const isOver = turn === undefined',
    test: 'packages/core/test/delivery/delivery.test.ts',
    title: 'writes nothing more after a failure, and ends its waits',
  },
  {
    file: 'packages/core/src/delivery/parked-records.ts',
    code: 'return idempotent && !ordered',
    instead: 'return idempotent || !ordered',
    test: 'packages/core/test/delivery/parked-records.test.ts',
    title: 'never parks where records may not overtake each other, or not come twice',
  },
  {
    file: 'connectors/elasticsearch/src/bulk/waves.ts',
    code: 'const wave = guards === null ? 0 : (written.get(guards[i]!) ?? 0)',
    instead: 'const wave = 0',
    test: 'connectors/elasticsearch/test/bulk/bulk-writer.test.ts',
    title: 'go in successive requests, in their order',
  },
  {
    file: 'connectors/elasticsearch/src/bulk/outcome.ts',
    code: 'return error === undefined\n',
    instead: 'return true\n',
    test: 'connectors/elasticsearch/test/bulk/bulk-writer.test.ts',
    title: 'where one must be tried again, the later ones are not sent and are tried after it',
  },
  {
    file: 'connectors/elasticsearch/src/bulk/id-guard.ts',
    code: 'if (before.length === 0) return release',
    instead: 'return release',
    test: 'connectors/elasticsearch/test/bulk/bulk-writer.test.ts',
    title: 'are never under way together, across calls too',
  },
]
