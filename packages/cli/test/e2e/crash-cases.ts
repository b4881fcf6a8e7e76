import type { CrashPoint } from '@connect-run/core/runtime'
import type { PAIRS } from './crash-pairs.ts'

export interface CrashCase {
  readonly pair: keyof typeof PAIRS
  /** Where the workers die, one after the other: `<point>` or `<point>:<n>`; the last one is the point of the case. */
  readonly at: readonly string[]
}

/** Where each crash point is died at. Mostly not at its first time, so that there is something to go wrong before it. */
export const CRASH_CASES: Readonly<Record<CrashPoint, readonly CrashCase[]>> = {
  'after-read': [on('file to file', 'after-read:5'), on('kafka to cnosdb', 'after-read:3')],
  'after-transform': [on('file to file', 'after-transform:5')],
  'before-put': [on('kafka to file', 'before-put:7'), on('kafka to cnosdb', 'before-put:7')],
  'after-send': [on('file to kafka', 'after-send:5'), on('kafka to kafka, exactly once', 'after-send:5')],
  'after-put': [
    on('file to file', 'after-put:7'),
    on('kafka to file', 'after-put:7'),
    on('file to kafka', 'after-put:7'),
    on('file to kafka, exactly once', 'after-put:7'),
    on('kafka to cnosdb', 'after-put:7'),
  ],
  'dead-letter-written': [on('file to file', 'dead-letter-written:5')],
  'record-parked': [on('file to a picky sink, by parking in redis', 'record-parked:2')],
  'parked-tried': [
    on('file to a picky sink, by parking in redis', 'parked-tried'),
    on('file to a picky sink, by parking in redis', 'parked-tried:12'),
  ],
  'after-flush': [on('file to file', 'after-flush:2'), on('kafka to file', 'after-flush:2')],
  'after-sink-commit': [
    on('file to file', 'after-sink-commit'),
    on('file to file', 'after-sink-commit:2'),
    on('kafka to file', 'after-sink-commit'),
    on('kafka to file', 'after-sink-commit:2'),
  ],
  'after-store': [
    on('file to file', 'after-store:2'),
    on('file to kafka', 'after-store:2'),
    on('kafka to file', 'after-store'),
    on('file to kafka, exactly once', 'after-store:2'),
    on('kafka to cnosdb', 'after-store'),
  ],
  'revoke-drained': [on('kafka to cnosdb, while a second worker joins', 'revoke-drained')],
  'state-claimed': [on('file to file', 'after-store:2', 'state-claimed')],
  'state-synced': [on('file to file', 'state-synced'), on('file to kafka', 'state-synced:2')],
  'state-renamed': [on('file to file', 'state-renamed:2'), on('file to kafka', 'state-renamed')],
  'redis-claimed': [on('file to file, with its state in redis', 'after-store:2', 'redis-claimed')],
  'redis-before-write': [on('file to file, with its state in redis', 'redis-before-write:2')],
  'redis-written': [
    on('file to file, with its state in redis', 'redis-written'),
    on('file to file, with its state in redis', 'redis-written:2'),
  ],
  'checkpoint-synced': [on('file to file', 'checkpoint-synced'), on('kafka to file', 'checkpoint-synced:3')],
  'checkpoint-renamed': [on('file to file', 'checkpoint-renamed:3'), on('kafka to file', 'checkpoint-renamed:2')],
  'file-cut-back': [on('file to file', 'after-put:7', 'file-cut-back')],
  'rotation-next-made': [on('file to file', 'rotation-next-made:2')],
  'rotation-announced': [on('file to file', 'rotation-announced:2')],
  'rotation-put-aside': [on('file to file', 'rotation-put-aside:2')],
  'rotation-taken-over': [on('file to file', 'rotation-taken-over:2')],
  'rotation-undoing': [
    on('file to file', 'rotation-put-aside:2', 'rotation-undoing'),
    on('file to file', 'rotation-taken-over:2', 'rotation-undoing'),
  ],
  'rotated-compressed': [on('file to file', 'rotated-compressed')],
  'rotated-plain-removed': [on('file to file', 'rotated-plain-removed')],
  'transaction-begun': [
    on('kafka to kafka, exactly once', 'transaction-begun:4'),
    on('file to kafka, exactly once', 'transaction-begun:4'),
  ],
  'transaction-positions-added': [
    on('kafka to kafka, exactly once', 'transaction-positions-added:2'),
    on('file to kafka, exactly once', 'transaction-positions-added:2'),
  ],
  'transaction-committed': [
    on('kafka to kafka, exactly once', 'transaction-committed:2'),
    on('file to kafka, exactly once', 'transaction-committed:2'),
  ],
  'replay-claimed': [on('dead letters of a file to a file, by redis', 'replay-claimed')],
  'replay-begun': [
    on('dead letters of a file to a file', 'replay-begun:2'),
    on('dead letters of a file to a file, by redis', 'replay-begun:2'),
  ],
  'replay-written': [on('dead letters of a file to a file', 'replay-written:2')],
  'replay-committed': [
    on('dead letters of a file to a file', 'replay-committed'),
    on('dead letters of a file to a file', 'replay-committed:2'),
    on('dead letters of a file to a file, by redis', 'replay-committed', 'replay-committed'),
  ],
  'replay-done': [
    on('dead letters of a file to a file', 'replay-done:2'),
    on('dead letters of a file to a file, by redis', 'replay-done'),
  ],
}

function on(pair: CrashCase['pair'], ...at: readonly string[]): CrashCase {
  return { pair, at }
}
