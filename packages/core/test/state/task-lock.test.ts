import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { thisProcess } from '../../src/state/owner.ts'
import { type TaskLock, acquireTaskLock } from '../../src/state/task-lock.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-lock-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

describe('a task lock', () => {
  it('is not given to one who found it free long ago, when others have had it since', async () => {
    const first = await acquireTaskLock(folder, 'task')
    await first.release()
    let rival: TaskLock | undefined
    // Between finding it free and claiming it, somebody takes it and gives it back, and somebody else takes it.
    const late = acquireTaskLock(folder, 'task', async () => {
      const quick = await acquireTaskLock(folder, 'task')
      await quick.release()
      rival = await acquireTaskLock(folder, 'task')
      return thisProcess()
    })
    await expect(late).rejects.toMatchObject({ code: 'STATE_LOCKED' })
    expect(readdirSync(folder)).toEqual(['task.3.lock'])
    await rival!.release()
    const next = await acquireTaskLock(folder, 'task')
    expect(readdirSync(folder)).toEqual(['task.4.lock'])
    await next.release()
  })

  it('can be claimed anew by the process that could not mark it as released', async () => {
    const first = await acquireTaskLock(folder, 'task')
    renameSync(folder, `${folder}.away`)
    await expect(first.release()).rejects.toMatchObject({ code: 'ENOENT' })
    renameSync(`${folder}.away`, folder)
    const second = await acquireTaskLock(folder, 'task')
    await expect(acquireTaskLock(folder, 'task')).rejects.toMatchObject({ code: 'STATE_LOCKED' })
    expect(readdirSync(folder)).toEqual(['task.2.lock'])
    await second.release()
  })

  it('leaves no draft behind where the disk does not take it', async () => {
    const handle = await open(folder)
    const methods = Object.getPrototypeOf(handle) as { sync: () => Promise<void> }
    await handle.close()
    const { sync } = methods
    methods.sync = () => Promise.reject(new Error('ENOSPC: no space left on device'))
    await expect(acquireTaskLock(folder, 'task')).rejects.toThrow('no space left')
    methods.sync = sync
    expect(readdirSync(folder)).toEqual([])
  })

  it('leaves one small file behind and no drafts', async () => {
    for (let round = 0; round < 5; round++) await (await acquireTaskLock(folder, 'task')).release()
    expect(readdirSync(folder)).toEqual(['task.5.lock'])
  })
})
