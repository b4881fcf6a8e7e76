import type { Guard } from '../guard.ts'

const records = 'packages/core/test/delivery/parked-records.test.ts'
const queue = 'packages/state-redis/test/retry-queue/retry-queue.int.test.ts'

export const parking: readonly Omit<Guard, 'promise'>[] = [
  {
    file: 'packages/core/src/delivery/delivery.ts',
    code: 'const parked = await park(rows, story)',
    instead: 'void park(rows, story)\n    const parked = rows.length',
    test: records,
    title: 'lets no position pass before what is parked is durable',
  },
  {
    file: 'packages/core/src/delivery/delivery.ts',
    code: "if (park === undefined || calls.breaker !== 'closed') return rows",
    instead: 'if (park === undefined) return rows',
    test: records,
    title: 'does not park the stream where the sink fails as a whole',
  },
  {
    file: 'packages/core/src/delivery/delivery.ts',
    code: 'story.areRefused = true',
    instead: '',
    test: records,
    title: 'parks what it could not at first, and does not take the rows that are left over for a sink that fails',
  },
  {
    file: 'packages/core/src/delivery/parked-records.ts',
    code: 'return idempotent && !ordered',
    instead: 'return idempotent || !ordered',
    test: records,
    title: 'never parks where records may not overtake each other, or not come twice',
  },
  {
    file: 'packages/core/src/delivery/parked-records.ts',
    code: 'maxAttempts > 0 && retries + 1 >= maxAttempts',
    instead: 'maxAttempts < 0 && attempts < 0',
    test: records,
    title: 'gives up after the attempts that are allowed, by way of the dead letter queue',
  },
  {
    file: 'packages/core/src/delivery/parked-records.ts',
    code: 'await tolerance.reject([failure]',
    instead: "fates.note(failure.batch.packedRow(failure.row), 'deadLettered')\n      await tolerance.reject([failure]",
    test: records,
    title: 'keeps a record parked until it is safe in the dead letter queue',
  },
  {
    file: 'packages/core/src/delivery/parked-records.ts',
    code: 'if (!isRetriable(error)) throw error',
    instead: 'if (!isRetriable(error)) throw error\n    await this.#refused(rows, error, fates)',
    test: records,
    title: 'does not count attempts on a sink that is down',
  },
  {
    file: 'packages/state-redis/src/retry-queue/durability.ts',
    code: "if (!appends) return 'it keeps no append-only file (appendonly yes)'",
    instead: '',
    test: 'packages/state-redis/test/retry-queue/durability.test.ts',
    title: 'can not be had elsewhere',
  },
  {
    file: 'packages/state-redis/src/retry-queue/retry-queue.ts',
    code: 'if (fitting > 0) await confirm(clients.queue, confirmation, this.#prefix)',
    instead: '',
    test: queue,
    title: 'takes nothing for parked that replicas do not confirm',
  },
  {
    file: 'packages/state-redis/src/retry-queue/bounds.ts',
    code: 'if count + 1 > tonumber(ARGV[1]) or bytes + added + size > tonumber(ARGV[2]) then break end',
    instead: '',
    test: queue,
    title: 'takes no more records than it may, nor more bytes, and gives the room back',
  },
  {
    file: 'packages/state-redis/src/retry-queue/retry-queue.ts',
    code: 'for (const id of known) await this.#revive(id)',
    instead: '',
    test: queue,
    title: 'takes a record again whose job is retained, done or failed',
  },
]
