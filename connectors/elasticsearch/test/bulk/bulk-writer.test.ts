import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import { RetriableError, type RowFailure } from '@connect-run/core'
import { MOST_OPERATIONS } from '../../src/bulk/bodies.ts'
import { BulkWriter } from '../../src/bulk/bulk-writer.ts'
import { Flow } from '../../src/bulk/flow.ts'
import { IdGuard } from '../../src/bulk/id-guard.ts'
import { rulesOf } from '../../src/error-map.ts'
import type { Operations } from '../../src/operation/operations.ts'
import {
  ScriptedCluster,
  type TestAnswer,
  type TestRequest,
  allDone,
  noLogger,
  operationsOf,
  sinkConfig,
  thrownBy,
  why,
} from '../support.ts'

const { signal } = new AbortController()
type Answer = (request: TestRequest, n: number) => TestAnswer | Promise<TestAnswer>

interface Bench {
  readonly cluster: ScriptedCluster
  readonly flow: Flow
  readonly guard: IdGuard
  readonly write: (ops: Operations, over?: AbortSignal) => Promise<readonly RowFailure[]>
  readonly failures: (ops: Operations) => Promise<readonly string[]>
}

function benchWith(answer: Answer = allDone, options: Record<string, unknown> = {}): Bench {
  const cluster = new ScriptedCluster(answer)
  const flow = new Flow(noLogger)
  const guard = new IdGuard()
  const rules = rulesOf(sinkConfig({ id: 'key', ...options }))
  const writer = new BulkWriter({ client: cluster, rules, flow, guard, clock: { now: () => 0 }, timeoutMs: 10_000 })
  return {
    cluster,
    flow,
    guard,
    write: (ops, over = signal) => writer.write(ops, over),
    failures: async (ops) => (await writer.write(ops, signal)).map(why),
  }
}

const ids = (...names: string[]): Operations => operationsOf(names.map((id) => ({ id })))

/** Answers some ids with a status and a type, the others with success. */
function refusing(which: Readonly<Record<string, readonly [status: number, type: string]>>): Answer {
  return ({ operations }) => ({
    body: {
      items: operations.map(({ action, id }) => {
        const [status, type] = which[id] ?? [200, '']
        const error = type === '' ? {} : { error: { type, reason: `of ${id}` } }
        return { [action]: { _id: id, status, ...error } }
      }),
    },
  })
}

const rejected = [429, 'es_rejected_execution_exception'] as const
const strict = [400, 'strict_dynamic_mapping_exception'] as const
const lost = new RetriableError('CONNECTION_LOST', 'lost')

/** Throws at the requests with these numbers, from 1. */
function losing(...numbers: number[]): Answer {
  return (request, n) => {
    if (numbers.includes(n)) throw lost
    return allDone(request)
  }
}

describe('one request', () => {
  it('for all operations that fit, with what is to be answered and by when', async () => {
    const { cluster, failures } = benchWith()
    expect(await failures(ids('a', 'b', 'c'))).toEqual([])
    expect(cluster.sent).toEqual(['a b c'])
    const { method, path } = cluster.requests[0]!
    expect([method, path.slice(0, 7), path.slice(-15)]).toEqual(['POST', '/_bulk?', '&timeout=8000ms'])
    expect(path).toContain('filter_path=items.*._id,items.*.status,items.*.error.type,items.*.error.reason,')
    expect(path).toContain('items.*.error.caused_by.type,')
  })

  it('of no more operations than can be answered at once', async () => {
    const { cluster, write } = benchWith()
    await write(
      operationsOf(
        Array.from({ length: MOST_OPERATIONS + 1 }, (_, i) => ({ id: String(i) })),
        false,
      ),
    )
    expect(cluster.requests.map(({ operations }) => operations.length)).toEqual([MOST_OPERATIONS, 1])
  })

  it('none for nothing', async () => {
    const { cluster, failures } = benchWith()
    expect(await failures(ids())).toEqual([])
    expect(cluster.sent).toEqual([])
  })

  it('each operation is judged by itself, by its row', async () => {
    const { failures } = benchWith(refusing({ b: strict, c: rejected, d: [404, ''] }))
    const ops = operationsOf([{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'd', action: 'delete' }])
    expect(await failures({ ...ops, rows: [3, 5, 7, 9] })).toEqual([
      '5 record RECORD_REJECTED: http://es answered 400: strict_dynamic_mapping_exception: of b',
      '7 retriable THROTTLED: http://es answered 429: es_rejected_execution_exception: of c',
    ])
  })

  it('what must stop the task is thrown, whatever became of the others', async () => {
    const { write, guard } = benchWith(refusing({ a: rejected, b: [403, 'security_exception'] }))
    expect(await thrownBy(write(ids('a', 'b', 'c')))).toContain('fatal AUTH_FAILED')
    expect(guard.size).toBe(0)
  })

  it('an answer that is not about all operations: all are repeated', async () => {
    const { write } = benchWith(() => ({ body: { items: [{ index: { status: 201 } }] } }))
    expect(await thrownBy(write(ids('a', 'b')))).toContain('retriable CONNECTION_LOST')
  })

  it('the pause that the server asks for', async () => {
    const { write } = benchWith(() => ({ status: 429, headers: { 'retry-after': '7' } }))
    await expect(write(ids('a'))).rejects.toMatchObject({ code: 'THROTTLED', retryAfterMs: 7000 })
  })
})

describe('an ingest pipeline', () => {
  /** As OpenSearch 2 answers: what is dropped and what fails fills the places of these in the order of happening. */
  const piped =
    (dropped: readonly string[], failing: readonly string[], isNamed = true): Answer =>
    ({ operations }) => {
      const item = (id: string): object => {
        const error = failing.includes(id) ? { error: { type: 'fail_processor_exception', reason: `of ${id}` } } : {}
        const named = isNamed ? id : dropped.includes(id) ? 'auto-generated' : failing.includes(id) ? null : `new-${id}`
        return { index: { _id: named, status: failing.includes(id) ? 500 : 200, ...error } }
      }
      const strays = [...dropped, ...failing].filter((id) => operations.some((operation) => operation.id === id))
      const queue = [...strays]
      return { body: { items: operations.map(({ id }) => item(strays.includes(id) ? queue.shift()! : id)) } }
    }

  it('answers in another order: each answer goes to its own operation', async () => {
    const { cluster, failures } = benchWith(piped(['c', 'f'], ['d', 'b']))
    expect(await failures(ids('a', 'b', 'c', 'd', 'e', 'f'))).toEqual([
      '1 record RECORD_REJECTED: http://es answered 500: fail_processor_exception: of b',
      '3 record RECORD_REJECTED: http://es answered 500: fail_processor_exception: of d',
    ])
    expect(cluster.sent).toHaveLength(1)
  })

  it('where the server makes the ids, what it did not write is sent again until it is clear', async () => {
    const { cluster, failures } = benchWith(piped(['c', 'f'], ['d', 'b'], false))
    const ops = operationsOf(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => ({ id })),
      false,
    )
    const anonymous = { ...ops, body: Buffer.from(ops.body.toString().replaceAll('"_id"', '"_no"')) }
    expect((await failures(anonymous)).map((text) => text.slice(-4))).toEqual(['of b', 'of d'])
    expect(cluster.requests.map(({ operations }) => operations.length)).toEqual([6, 2, 1, 1, 2, 1, 1])
  })
})

describe('operations of one document', () => {
  it('go in successive requests, in their order', async () => {
    const { cluster, failures } = benchWith()
    expect(await failures(ids('a', 'b', 'a', 'c', 'a', 'b'))).toEqual([])
    expect(cluster.sent).toEqual(['a b c', 'a b', 'a'])
    expect(cluster.peak).toBe(1)
  })

  it('where one must be tried again, the later ones are not sent and are tried after it', async () => {
    const { cluster, failures } = benchWith(refusing({ a: rejected }))
    const text = 'retriable THROTTLED: http://es answered 429: es_rejected_execution_exception: of a'
    expect(await failures(ids('a', 'b', 'a', 'b', 'a'))).toEqual([`0 ${text}`, `2 ${text}`, `4 ${text}`])
    expect(cluster.sent).toEqual(['a b', 'b'])
  })

  it('where one is poison, the later ones are sent', async () => {
    let first = true
    const { cluster, failures } = benchWith((request, n) => {
      const isFirst = first
      first = false
      return isFirst ? refusing({ a: strict })(request, n) : allDone(request)
    })
    expect(await failures(ids('a', 'b', 'a'))).toEqual([expect.stringContaining('0 record RECORD_REJECTED')])
    expect(cluster.sent).toEqual(['a b', 'a'])
  })

  it('are never under way together, across calls too', async () => {
    const under = new Set<string>()
    const order: string[] = []
    const { write, guard } = benchWith(async (request) => {
      for (const { id } of request.operations) {
        expect(under.has(id)).toBe(false)
        under.add(id)
      }
      order.push(request.ids)
      await nextTurn()
      for (const { id } of request.operations) under.delete(id)
      return allDone(request)
    })
    await Promise.all([write(ids('a', 'b')), write(ids('b', 'c')), write(ids('d')), write(ids('c', 'a'))])
    expect(order).toEqual(['a b', 'd', 'b c', 'c a'])
    expect(guard.size).toBe(0)
  })

  it('coordinates and the server’s ids do not wait for each other', async () => {
    const { cluster, write } = benchWith(async (request) => {
      await nextTurn()
      return allDone(request)
    })
    const ops = operationsOf([{ id: 'a' }, { id: 'a' }], false)
    await Promise.all([write(ops), write(ops)])
    expect(cluster.sent).toEqual(['a a', 'a a'])
    expect(cluster.peak).toBe(2)
  })
})

describe('a request that fails', () => {
  it('where it was the first, all are repeated', async () => {
    const { write, guard, flow } = benchWith(losing(1))
    await expect(write(ids('a', 'b', 'a'))).rejects.toBe(lost)
    expect([guard.size, flow.inFlight]).toEqual([0, 0])
  })

  it('after others were answered, what is written is not repeated', async () => {
    const { cluster, failures, guard } = benchWith(losing(2))
    expect(await failures(ids('a', 'b', 'a', 'c', 'a', 'b'))).toEqual([
      '2 retriable CONNECTION_LOST: lost',
      '4 retriable CONNECTION_LOST: lost',
      '5 retriable CONNECTION_LOST: lost',
    ])
    expect(cluster.sent).toEqual(['a b c', 'a b'])
    expect(guard.size).toBe(0)
  })

  it('for a reason that does not pass: it is thrown, though others were written', async () => {
    const { write, guard } = benchWith((request, n) => (n === 2 ? { status: 401 } : allDone(request)))
    expect(await thrownBy(write(ids('a', 'a')))).toContain('fatal AUTH_FAILED')
    expect(guard.size).toBe(0)
  })
})

describe('a request that is refused for one of its records', () => {
  const tooLong = {
    status: 400,
    body: { error: { type: 'action_request_validation_exception', reason: 'id too long' } },
  }
  const refusingIds =
    (...bad: string[]): Answer =>
    (request) =>
      request.operations.some(({ id }) => bad.includes(id)) ? tooLong : allDone(request)

  it('is halved until it is found, and the others are written once', async () => {
    const { cluster, failures } = benchWith(refusingIds('e'))
    expect(await failures(ids('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'))).toEqual([
      '4 record RECORD_REJECTED: http://es answered 400: action_request_validation_exception: id too long',
    ])
    expect(cluster.sent).toEqual(['a b c d e f g h', 'a b c d', 'e f g h', 'e f', 'e', 'f', 'g h'])
  })

  it('all of them', async () => {
    const { failures } = benchWith(refusingIds('a', 'b', 'c'))
    expect((await failures(ids('a', 'b', 'c'))).map((text) => text.slice(0, 8))).toEqual([
      '0 record',
      '1 record',
      '2 record',
    ])
  })

  it('a failure in the middle: what is known stays known', async () => {
    const { failures } = benchWith((request, n) => {
      if (n === 4) throw lost
      return refusingIds('a')(request, n)
    })
    // ab|cd, ab, a, then b is lost: c and d were not sent.
    expect((await failures(ids('a', 'b', 'c', 'd'))).map((text) => text.slice(0, 11))).toEqual([
      '0 record RE',
      '1 retriable',
      '2 retriable',
      '3 retriable',
    ])
  })

  it('but not one that is about the request: it stops the task', async () => {
    const error = {
      type: 'illegal_argument_exception',
      reason: 'request [/_bulk] contains unrecognized parameter: [x]',
    }
    const { cluster, write } = benchWith(() => ({ status: 400, body: { error } }))
    expect(await thrownBy(write(ids('a', 'b')))).toContain('fatal REQUEST_REJECTED')
    expect(cluster.sent).toHaveLength(1)
  })
})

describe('a request that is too large', () => {
  const nodes = (...limits: number[]): TestAnswer => ({
    body: { nodes: Object.fromEntries(limits.map((n, i) => [`n${i}`, { http: { max_content_length_in_bytes: n } }])) },
  })
  const limited =
    (limit: number, about: TestAnswer): Answer =>
    (request) => {
      if (request.path.startsWith('/_nodes')) return about
      return request.body!.length > limit ? { status: 413 } : allDone(request)
    }
  const sized = (...sizes: number[]): Operations =>
    operationsOf(
      sizes.map((bytes, i) => ({ id: String(i), bytes })),
      false,
    )

  it('is sent in parts of what the nodes say, and so is what follows', async () => {
    const { cluster, failures } = benchWith(limited(1300, nodes(5000, 1300)))
    expect(await failures(sized(400, 400, 400, 400, 400))).toEqual([])
    expect(cluster.sent).toEqual(['0 1 2 3 4', '0 1', '2 3 4'])
    expect(await failures(sized(400, 400, 400, 400))).toEqual([])
    expect(cluster.sent.slice(3)).toEqual(['0 1 2', '3'])
    expect(await failures(sized(2000))).toHaveLength(1)
    expect(cluster.requests.filter(({ path }) => path.startsWith('/_nodes'))).toHaveLength(1)
  })

  it('a record that alone is too large is named with both sizes; its neighbours are written', async () => {
    const { failures } = benchWith(limited(1000, nodes(1000)))
    expect(await failures(sized(400, 1200, 400))).toEqual([
      '1 record RECORD_TOO_LARGE: the operation takes 1200 bytes, and http://es takes requests of 1000 bytes at most',
    ])
  })

  it.each([
    ['says nothing', { status: 403 }],
    ['says more than was refused, so that it was a proxy', nodes(100_000)],
  ])('where the server %s, halves are tried, and remembered', async (_, about) => {
    const { cluster, failures } = benchWith(limited(1000, about))
    expect(await failures(sized(400, 400, 400, 400))).toEqual([])
    expect(cluster.sent).toEqual(['0 1 2 3', '0 1', '2 3'])
    expect(await failures(sized(400, 400, 400))).toEqual([])
    expect(cluster.sent.slice(3)).toEqual(['0 1', '2'])
    expect(await failures(sized(1300))).toEqual([
      '0 record RECORD_TOO_LARGE: the operation takes 1300 bytes, and http://es refuses requests of 1300 bytes',
    ])
    // One that is too large by itself says nothing of the others.
    expect(await failures(sized(400, 400))).toEqual([])
    expect(cluster.sent.at(-1)).toBe('0 1')
  })
})

describe('an overloaded cluster', () => {
  const large = operationsOf(
    [
      { id: 'a', bytes: 40_000 },
      { id: 'b', bytes: 40_000 },
      { id: 'c', bytes: 100 },
    ],
    false,
  )

  it('gets smaller requests where one was too much', async () => {
    const { cluster, write } = benchWith((request, n) => (n === 1 ? { status: 429 } : allDone(request)))
    await write(large).catch(() => undefined)
    expect(await write(large)).toEqual([])
    expect(cluster.sent).toEqual(['a b c', 'a', 'b c'])
  })

  it('says it once for all that it rejects at a time', async () => {
    const full = [429, 'cluster_block_exception'] as const
    const { write } = benchWith(refusing({ a: rejected, b: rejected, c: strict, d: full, e: full }))
    const errors = (await write(ids('a', 'b', 'c', 'd', 'e'))).map(({ error }) => error)
    expect(errors.map(({ code }) => code)).toEqual([
      'THROTTLED',
      'THROTTLED',
      'RECORD_REJECTED',
      'DISK_FULL',
      'DISK_FULL',
    ])
    expect(errors[0]).toBe(errors[1])
    // These may be of two indices.
    expect(errors[3]).not.toBe(errors[4])
  })

  it('gets fewer requests where operations found a full queue', async () => {
    const { cluster, write, flow } = benchWith(refusing({ a: rejected }))
    await write(large)
    await write(large)
    expect(cluster.sent).toEqual(['a b c', 'a b c'])
    expect(flow.requests).toBe(1)
  })

  it.each([
    ['429 of a request', (): TestAnswer => ({ status: 429 }), 1],
    ['503', (): TestAnswer => ({ status: 503 }), 64],
    [
      'no answer in time',
      (): never => {
        throw new RetriableError('TIMEOUT', 'late')
      },
      1,
    ],
    ['a full disk', refusing({ a: [429, 'cluster_block_exception'] }), 64],
  ])('%s', async (_, answer, requests) => {
    const { write, flow } = benchWith(answer)
    await write(ids('a')).catch(() => undefined)
    expect([flow.requests, flow.inFlight]).toEqual([requests, 0])
  })
})

describe('giving up', () => {
  it('in the middle of the waves: nothing is sent any more, nothing is held, and the reason is thrown', async () => {
    const over = new AbortController()
    const { cluster, write, guard, flow } = benchWith(async (request, n) => {
      if (n === 2) over.abort(new Error('given up'))
      return allDone(request)
    })
    await expect(write(ids('a', 'a', 'a'), over.signal)).rejects.toThrow('given up')
    expect(cluster.sent).toEqual(['a', 'a'])
    expect([guard.size, flow.inFlight, flow.waiting]).toEqual([0, 0, 0])
  })

  it('while waiting for another call: that one is not disturbed', async () => {
    const over = new AbortController()
    let answer!: () => void
    const answered = new Promise<void>((resolve) => (answer = resolve))
    const { cluster, write, guard } = benchWith(async (request) => {
      await answered
      return allDone(request)
    })
    const first = write(ids('a'))
    const second = write(ids('a'), over.signal)
    over.abort(new Error('given up'))
    await expect(second).rejects.toThrow('given up')
    answer()
    expect(await first).toEqual([])
    expect(cluster.sent).toEqual(['a'])
    await nextTurn()
    expect(guard.size).toBe(0)
  })

  it('while waiting for a place', async () => {
    const over = new AbortController()
    let answer!: () => void
    const answered = new Promise<void>((resolve) => (answer = resolve))
    const { write, guard, flow } = benchWith(async (request, n) => {
      if (n === 1) return { status: 429 }
      await answered
      return allDone(request)
    })
    await write(ids('a')).catch(() => undefined)
    const first = write(ids('a'))
    await nextTurn()
    const second = write(ids('b'), over.signal)
    await nextTurn()
    expect(flow.waiting).toBe(1)
    over.abort(new Error('given up'))
    await expect(second).rejects.toThrow('given up')
    answer()
    expect(await first).toEqual([])
    expect([guard.size, flow.inFlight, flow.waiting]).toEqual([0, 0, 0])
  })
})
