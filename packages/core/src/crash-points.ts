import { ConnectError } from './api/errors.ts'

/**
 * The moments at which a crash leaves something half done, each with what has happened by then. Every one of them is
 * called in the code and died at in a test (`packages/cli/test/e2e/crash-points.e2e.test.ts`).
 */
export const CRASH_POINTS = {
  'after-read': 'a poll has returned records, and nothing knows of them yet',
  'after-transform': 'records are prepared, and none is on its way to the sink',
  'before-put': 'a batch is about to be given to the sink',
  'after-send': 'the client of Kafka has the records of a batch, and no answer for them',
  'after-put': 'the sink has answered for a batch, and nobody has noted it',
  'dead-letter-written': 'dead letters are on their disk, and their records are not settled',
  'record-parked': 'records are durable in the retry queue, and not settled',
  'parked-tried': 'the sink has answered for a parked record, and its job is not done',
  'after-flush': 'the sink is durable, and has stored no positions',
  'after-sink-commit': 'the sink has stored positions beside its data, and they have not passed',
  'after-store': 'positions have passed: the group or the state store has them, and the worker has not noted it',
  'revoke-drained': 'the records of partitions that are taken away are done, and not committed',
  'state-claimed': 'the state of a task is claimed, and not read',
  'state-synced': 'the draft of a state file is on the disk, and does not have its name',
  'state-renamed': 'a state file has its name, and its folder is not synced',
  'redis-claimed': 'the state of a task is claimed in Redis, and nobody has noted it',
  'redis-before-write': 'positions are about to be written to Redis',
  'redis-written': 'Redis has positions, and nobody has noted it',
  'checkpoint-synced': 'the draft of a checkpoint of the file sink is on the disk, and does not have its name',
  'checkpoint-renamed': 'a checkpoint of the file sink has its name, and its folder is not synced',
  'file-cut-back': 'the file sink has cut its file back to the checkpoint, and nothing is read yet',
  'rotation-next-made': 'the next file of a rotation is made, and the checkpoint does not know of it',
  'rotation-announced': 'the checkpoint knows of the next file, and the full one still has its name',
  'rotation-put-aside': 'the full file is put aside, and no file has its name',
  'rotation-taken-over': 'the next file has the name of the full one, and nobody has noted it',
  'rotation-undoing': 'files that were begun after the checkpoint are gone, and the one it speaks of is not back',
  'rotated-compressed': 'a rotated file is on the disk compressed as well as plain',
  'rotated-plain-removed': 'a rotated file is on the disk compressed only, and does not have its name',
  'transaction-begun': 'a transaction is open, and the records of a batch are not in it',
  'transaction-positions-added': 'a transaction has its positions, and is not committed',
  'transaction-committed': 'a transaction is committed, and nobody has noted it',
  'replay-claimed': 'the job of a replay is claimed in Redis, and its journal is not read',
  'replay-begun': 'a chunk of dead letters is noted as on its way, and not put',
  'replay-written': 'a chunk of dead letters is durable in the sink, which has stored no position of it',
  'replay-committed': 'the sink has stored the position of a chunk of dead letters, and the journal does not know',
  'replay-done': 'a chunk of dead letters is noted as done',
} as const

export type CrashPoint = keyof typeof CRASH_POINTS

/** What `CONNECT_RUN_CRASH_AT=<name>[:<n>]` asks for: to die the n-th time (the first where it does not say). */
interface Order {
  readonly name: CrashPoint
  left: number
}

const order = orderOf(process.env['CONNECT_RUN_CRASH_AT'])

/** Ends the process here as `kill -9` does, where it was started to prove that this is survived. */
export function crashPoint(name: CrashPoint): void {
  if (order === undefined) return
  if (order.name === name && --order.left === 0) process.kill(process.pid, 'SIGKILL')
}

function orderOf(text: string | undefined): Order | undefined {
  if (text === undefined || text === '') return undefined
  const [name, times = '1'] = text.split(':')
  if (Object.hasOwn(CRASH_POINTS, name!) && /^[1-9]\d*$/.test(times)) {
    return { name: name as CrashPoint, left: Number(times) }
  }
  throw new ConnectError('CONFIG_INVALID', `CONNECT_RUN_CRASH_AT is ${JSON.stringify(text)}`, {
    hint: `it is for tests; write <name>[:<n>] with one of ${Object.keys(CRASH_POINTS).join(', ')}`,
  })
}
