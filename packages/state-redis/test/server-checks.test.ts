import { describe, expect, it } from '@jest/globals'
import { type ServerFacts, durableBy, findings } from '../src/server-checks.ts'
import { unmet } from '../src/wait.ts'

const safe: ServerFacts = {
  version: '7.0.15',
  isReplica: false,
  hasAppendOnlyFile: true,
  appendFsync: 'always',
  save: '',
  evictionPolicy: 'noeviction',
}
const durability = { disk: true, replicas: 0, timeoutMs: 2000 }

function said(changes: Partial<ServerFacts>, disk = true): string[] {
  return findings({ ...safe, ...changes }, { ...durability, disk }).map(({ message }) => message)
}

describe('what is found about a server', () => {
  it('is nothing where it keeps what it confirms', () => {
    expect(said({})).toEqual([])
    expect(said({ evictionPolicy: 'volatile-lru' })).toEqual([])
    expect(said({ version: '7.2.0', appendFsync: 'everysec' })).toEqual([])
    expect(said({ version: '8.0.1', appendFsync: undefined, save: undefined })).toEqual([])
    expect(said({ appendFsync: 'everysec' }, false)).toEqual([])
  })

  it.each<[Partial<ServerFacts>, string]>([
    [{ version: '6.0.16' }, 'it is version 6.0.16, which is too old'],
    [{ version: '' }, 'it is version , which is too old'],
    [{ isReplica: true }, 'it is a read-only replica'],
    [{ evictionPolicy: 'allkeys-lru' }, 'it removes any key when memory runs out (maxmemory-policy allkeys-lru)'],
    [{ evictionPolicy: 'allkeys-lfu' }, 'it removes any key when memory runs out (maxmemory-policy allkeys-lfu)'],
    [{ hasAppendOnlyFile: false }, 'it keeps nothing on disk (no persistence)'],
    [
      { hasAppendOnlyFile: false, save: '3600 1' },
      'it has no append-only file: a crash takes it back to its last snapshot, if any',
    ],
    [
      { appendFsync: 'everysec' },
      'it confirms writes that are written later (appendfsync everysec): a crash may take back the last second',
    ],
    [{ appendFsync: undefined }, 'it confirms writes that may be written later: a crash may take back the last second'],
  ])('is said: %j', (changes, message) => {
    expect(said(changes)).toEqual([message])
  })

  it('is said all at once', () => {
    expect(
      said({ version: '5.0.0', isReplica: true, evictionPolicy: 'allkeys-random', hasAppendOnlyFile: false }),
    ).toHaveLength(4)
  })
})

describe('what is waited for', () => {
  const newer = { ...safe, version: '7.2.4', appendFsync: 'everysec' }

  it.each([
    ['nothing, where an answer means that it is on disk', [safe], durability, undefined],
    ['nothing, where nothing is asked for', [newer], { ...durability, disk: false }, undefined],
    ['nothing, where nobody could tell', [{ ...newer, version: '7.0.0' }], durability, undefined],
    ['nothing, where no append-only file is', [{ ...newer, hasAppendOnlyFile: false }], durability, undefined],
    ['the disk', [newer], durability, ['WAITAOF', '1', '0', '2000']],
    [
      'the disk, with one node of several',
      [{ ...safe, version: '7.2.0' }, newer],
      durability,
      ['WAITAOF', '1', '0', '2000'],
    ],
    ['disk and replicas', [newer], { ...durability, replicas: 2 }, ['WAITAOF', '1', '2', '2000']],
    ['replicas', [safe], { ...durability, replicas: 1 }, ['WAIT', '1', '2000']],
  ])('is %s', (_name, servers, asked, command) => {
    expect(durableBy(servers, asked)?.command).toEqual(command)
  })
})

describe('an answer', () => {
  const waiting = (disk: number, replicas: number) => ({ command: [], wanted: { disk, replicas } })

  it.each([
    [waiting(1, 0), [1, 0], undefined],
    [waiting(1, 0), [0, 0], 'it was not on the disk'],
    [waiting(1, 2), [1, 1], '1 of 2 replicas had it'],
    [waiting(1, 2), [1, 2], undefined],
    [waiting(0, 1), 0, '0 of 1 replicas had it'],
    [waiting(0, 1), 3, undefined],
  ])('to %j that is %j lacks: %s', (wait, reply, missing) => {
    expect(unmet(wait, reply)).toBe(missing)
  })
})
