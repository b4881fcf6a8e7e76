import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { type ConnectError, errorKind } from '../../src/api/errors.ts'
import type { Positions } from '../../src/api/record.ts'
import type { StateConfig } from '../../src/config/state-config.ts'
import { createFileStateStore } from '../../src/state/file.ts'
import { openStateStore } from '../../src/state/open.ts'
import { thisProcess } from '../../src/state/owner.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-state-'))
})

afterEach(() => {
  chmodSync(folder, 0o700)
  rmSync(folder, { recursive: true, force: true })
})

function at(offset: number, partition: number = 0): Positions {
  return [{ stream: 's', partition, position: { offset } }]
}

async function failure(run: () => Promise<unknown>): Promise<ConnectError> {
  try {
    await run()
  } catch (error) {
    return error as ConnectError
  }
  throw new Error('it did not fail')
}

async function stored(task: string = 'task'): Promise<Positions> {
  const store = createFileStateStore(folder)
  const { positions } = await store.open(task)
  await store.close()
  return positions
}

describe('the file store', () => {
  it('is empty at first, and merges by partition', async () => {
    const store = createFileStateStore(join(folder, 'made', 'here'))
    const state = await store.open('task')
    expect(state.positions).toEqual([])
    await state.write({ positions: [...at(1), ...at(5, 1)] })
    await state.write({ positions: at(2) })
    expect(state.positions).toEqual([...at(2), ...at(5, 1)])
    await store.close()
    const again = await store.open('task')
    expect(again.positions).toEqual([...at(2), ...at(5, 1)])
    await store.close()
  })

  it('writes in the order of the calls, also when nobody waits', async () => {
    const state = await createFileStateStore(folder).open('task')
    await Promise.all(Array.from({ length: 20 }, (_, offset) => state.write({ positions: at(offset) })))
    await state.close()
    expect(await stored()).toEqual(at(19))
  })

  it('finishes what was asked for before it closes, and nothing after', async () => {
    const state = await createFileStateStore(folder).open('task')
    const written = state.write({ positions: at(7) })
    await state.close()
    await written
    expect((await failure(() => state.write({ positions: at(8) }))).code).toBe('STOPPED')
    await state.close()
    expect(await stored()).toEqual(at(7))
  })

  it('keeps tokens and odd names', async () => {
    const store = createFileStateStore(folder)
    const positions: Positions = [{ stream: 'a "b"\n', partition: 3, position: { offset: 9, token: { f: ['x'] } } }]
    const state = await store.open('task')
    await state.write({ positions: positions })
    await store.close()
    expect(await stored()).toEqual(positions)
  })

  it('gives every task a file of its own inside the folder', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ unit: 'binary', minLength: 1 }), { minLength: 2, maxLength: 3 }),
        async (tasks) => {
          const inner = mkdtempSync(join(folder, 'tasks-'))
          const store = createFileStateStore(inner)
          for (const [n, task] of tasks.entries()) await (await store.open(task)).write({ positions: at(n) })
          await store.close()
          expect(readdirSync(inner).filter((file) => file.endsWith('.json'))).toHaveLength(tasks.length)
          for (const [n, task] of tasks.entries()) expect((await store.open(task)).positions).toEqual(at(n))
          await store.close()
        },
      ),
      {
        numRuns: 5,
        examples: [
          [['../../x', '/etc/passwd', '.', '..']],
          [['a', 'a.1', 'a.1.lock']],
          [['ä'.repeat(300), `${'ä'.repeat(300)}b`]],
        ],
      },
    )
  })

  it.each([
    ['an empty file', '', 'it is empty'],
    ['a cut file', '{"format": "connect-run-state", "vers', 'it is not complete JSON'],
    ['another file', '{"a": 1}', 'it is no state file'],
    ['null', 'null', 'it is no state file'],
    ['a newer version', '{"format": "connect-run-state", "version": 3}', 'it has version 3'],
    ['another task', '{"format": "connect-run-state", "version": 1, "task": "x"}', 'it belongs to the task "x"'],
    [
      'an odd time',
      '{"format": "connect-run-state", "version": 2, "task": "task", "positions": []}',
      'its time is not in order',
    ],
    [
      'an odd ledger',
      '{"format": "connect-run-state", "version": 2, "task": "task", "positions": [], "savedAt": "2023-11-14", "ledger": [{}]}',
      'its ledger is not in order',
    ],
    [
      'odd positions',
      '{"format": "connect-run-state", "version": 1, "task": "task", "positions": [{"stream": "s"}]}',
      'its positions are not in order',
    ],
  ])('never takes %s for no state', async (_name, text, reason) => {
    writeFileSync(join(folder, 'task.json'), text)
    const error = await failure(() => createFileStateStore(folder).open('task'))
    expect(error).toMatchObject({ code: 'STATE_UNREADABLE', kind: 'fatal' })
    expect(error.message).toBe(
      `can't read the state in ${join(folder, 'task.json')}: ${reason}`.replace(
        'version 3',
        'version 3, and this worker reads versions 1 and 2',
      ),
    )
    expect(error.hint).toContain('delete it')
    expect(readFileSync(join(folder, 'task.json'), 'utf8')).toBe(text)
    rmSync(join(folder, 'task.json'))
    expect(await stored()).toEqual([])
  })

  it('reads what version 1 has written, and writes it as it is now', async () => {
    const positions = at(7)
    const old = { format: 'connect-run-state', version: 1, task: 'task', positions }
    writeFileSync(join(folder, 'task.json'), JSON.stringify(old))
    const store = createFileStateStore(folder, () => 1_700_000_000_000)
    const [before] = await store.read('task')
    expect(before).toMatchObject({ task: 'task', positions, ledger: [] })
    expect(Math.abs(before!.savedAtMs - Date.now())).toBeLessThan(60_000)
    const state = await store.open('task')
    expect([state.positions, state.ledger]).toEqual([positions, []])
    await state.write({ positions: at(8) })
    await store.close()
    const file = JSON.parse(readFileSync(join(folder, 'task.json'), 'utf8')) as object
    expect(file).toMatchObject({ version: 2, savedAt: '2023-11-14T22:13:20.000Z', positions: at(8), ledger: [] })
    expect(await store.read('task')).toMatchObject([{ savedAtMs: 1_700_000_000_000 }])
  })

  it('reads what may be claimed by others, also where there is no folder yet', async () => {
    expect(await createFileStateStore(join(folder, 'none')).read('task')).toEqual([])
    await (await createFileStateStore(folder).open('task')).write({ positions: at(3) })
    expect(await createFileStateStore(folder).read('task')).toMatchObject([{ positions: at(3) }])
  })

  it('says who holds it while that process lives, and nobody afterwards', async () => {
    const state = await createFileStateStore(folder).open('task')
    await state.write({ positions: at(3) })
    const holder = async (): Promise<string | undefined> => (await createFileStateStore(folder).read('task'))[0]!.heldBy
    expect(await holder()).toBe(`process ${process.pid} on host ${hostname()}`)
    await state.close()
    expect(await holder()).toBeUndefined()
    const dead = { released: false, host: hostname(), pid: 2 ** 22 + 1, boot: 'another', started: '1' }
    writeFileSync(join(folder, 'task.7.lock'), JSON.stringify(dead))
    expect(await holder()).toBeUndefined()
  })

  it('ignores and removes what a crash left half written', async () => {
    const state = await createFileStateStore(folder).open('task')
    await state.write({ positions: at(1) })
    await state.close()
    writeFileSync(join(folder, 'task.json.tmp'), '{"for')
    expect(await stored()).toEqual(at(1))
    expect(existsSync(join(folder, 'task.json.tmp'))).toBe(false)
  })

  it('says that it can not write, and changes nothing', async () => {
    const state = await createFileStateStore(folder).open('task')
    await state.write({ positions: at(1) })
    // A folder where the draft should go stops root as well.
    mkdirSync(join(folder, 'task.json.tmp'))
    const error = await failure(() => state.write({ positions: at(2) }))
    expect([error.code, errorKind(error)]).toEqual(['STATE_UNWRITABLE', 'retriable'])
    expect(state.positions).toEqual(at(1))
    rmSync(join(folder, 'task.json.tmp'), { recursive: true })
    await state.write({ positions: at(2) })
    await state.close()
    expect(await stored()).toEqual(at(2))
  })

  it('says so when the folder can not be made', async () => {
    writeFileSync(join(folder, 'file'), '')
    const error = await failure(() => createFileStateStore(join(folder, 'file', 'state')).open('task'))
    expect([error.code, errorKind(error)]).toEqual(['STATE_UNWRITABLE', 'retriable'])
  })
})

describe('the claim on a task', () => {
  it('is refused twice, also within one process, and says who has it', async () => {
    const store = createFileStateStore(folder)
    const state = await store.open('task')
    const error = await failure(() => createFileStateStore(folder).open('task'))
    expect([error.code, errorKind(error)]).toEqual(['STATE_LOCKED', 'retriable'])
    expect(error.message).toContain(`process ${process.pid} on host`)
    await expect(store.open('other')).resolves.toBeDefined()
    await state.close()
    await expect(store.open('task')).resolves.toBeDefined()
    await store.close()
  })

  it('of a dead process, a reused pid or an earlier boot is taken over', async () => {
    const me = await thisProcess()
    const dead = [
      { ...me, pid: 2 ** 22 + 1 },
      ...(me.started === null ? [] : [{ ...me, started: '1' }]),
      ...(me.boot === null ? [] : [{ ...me, boot: 'earlier' }]),
    ]
    for (const [n, owner] of dead.entries()) {
      writeFileSync(join(folder, `task${n}.4.lock`), JSON.stringify({ released: false, ...owner }))
      await expect(stored(`task${n}`)).resolves.toEqual([])
      expect(readdirSync(folder).filter((file) => file.startsWith(`task${n}.`))).toEqual([`task${n}.5.lock`])
    }
  })

  it.each([
    [
      'of another host',
      { host: 'elsewhere', pid: 1, boot: null, started: null, released: false },
      'process 1 on host elsewhere',
    ],
    ['that can not be read', 'nonsense', 'an unknown worker'],
  ])('%s is left alone', async (_name, claim, holder) => {
    writeFileSync(join(folder, 'task.1.lock'), typeof claim === 'string' ? claim : JSON.stringify(claim))
    const error = await failure(() => createFileStateStore(folder).open('task'))
    expect(error.message).toContain(holder)
    expect(error.hint).toContain(join(folder, 'task.1.lock'))
  })

  it('goes to exactly one of many contenders for a dead one', async () => {
    const me = await thisProcess()
    for (let round = 0; round < 20; round++) {
      const claim = { ...me, pid: 2 ** 22 + 1, released: false }
      writeFileSync(join(folder, `t${round}.1.lock`), JSON.stringify(claim))
      const stores = Array.from({ length: 8 }, () => createFileStateStore(folder))
      const results = await Promise.allSettled(stores.map((store) => store.open(`t${round}`)))
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'STATE_LOCKED' })
      await Promise.all(stores.map((store) => store.close()))
    }
  })

  it('is never held twice while it goes from hand to hand', async () => {
    let holders = 0
    let claims = 0
    const contend = async (): Promise<void> => {
      for (let round = 0; round < 40; round++) {
        const store = createFileStateStore(folder)
        const state = await store.open('task').catch(() => undefined)
        if (state === undefined) continue
        claims++
        expect(++holders).toBe(1)
        await new Promise((resolve) => setImmediate(resolve))
        holders--
        await state.close()
      }
    }
    await Promise.all(Array.from({ length: 12 }, contend))
    expect(claims).toBeGreaterThan(10)
  })
})

describe('kill -9', () => {
  const script = fileURLToPath(new URL('crash-child.mjs', import.meta.url))
  let child: ChildProcess | undefined

  afterEach(() => {
    child?.kill('SIGKILL')
  })

  it('leaves a readable file with the last state that was confirmed, or the one being written', async () => {
    let last = -1
    for (let round = 0; round < 8; round++) {
      child = fork(script, [folder, String(last + 1)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
      const exited = once(child, 'exit')
      let written = last
      let writing = last
      const stopAt = 1 + Math.floor(Math.random() * 30)
      const victim = child
      victim.on('message', (message: { writing?: number; written?: number }) => {
        if (message.writing !== undefined) writing = message.writing
        if (message.written !== undefined) written = message.written
        // Now and then in the middle of a write, now and then between two.
        if (written - last >= stopAt || (writing - last >= stopAt && round % 2 === 0)) victim.kill('SIGKILL')
      })
      const [code] = (await exited) as [number | null]
      expect(code).toBeNull()
      const [entry] = await stored('crash')
      const offset = entry?.position.offset ?? -1
      // The child may have got further than what it could still tell.
      expect(offset).toBeGreaterThanOrEqual(written)
      if (entry !== undefined) expect(entry.position.token).toEqual({ fill: 'x'.repeat(offset % 5000) })
      last = offset
    }
    expect(last).toBeGreaterThan(0)
  })
})

describe('openStateStore', () => {
  it('knows files and memory', async () => {
    const store = openStateStore({ kind: 'file', folder })
    await (await store.open('task')).write({ positions: at(4) })
    await store.close()
    const [entry] = (await openStateStore({ kind: 'file', folder }).open('task')).positions
    expect(entry?.position.offset).toBe(4)
    expect((await openStateStore({ kind: 'memory' }).open('task')).positions).toEqual([])
  })

  it('names the package for Redis', () => {
    expect(() => openStateStore({ kind: 'redis' } as StateConfig)).toThrow('@connect-run/state-redis')
  })
})
