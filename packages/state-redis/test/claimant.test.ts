import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from '@jest/globals'
import { type Claimant, isGone, isSame, nameOf, parseClaimant, thisClaimant } from '../src/claimant.ts'

const self = await thisClaimant()
const onLinux = self.space === null ? it.skip : it

describe('a claimant', () => {
  it('is found again in what was stored', () => {
    expect(parseClaimant(JSON.stringify(self))).toEqual(self)
    expect(parseClaimant('{')).toBeUndefined()
    expect(nameOf(self)).toBe(`process ${process.pid} on host ${self.host}`)
    expect(nameOf(undefined)).toBe('another worker')
  })

  onLinux('is itself, and alive', () => {
    expect(isSame(self, { ...self })).toBe(true)
    expect(isSame(self, { ...self, pid: 1 })).toBe(false)
    expect(isGone(self, self)).toBe(false)
  })

  onLinux('is gone when its process has ended, also while its parent has not noticed', async () => {
    const child = spawn('/bin/sleep', ['60'])
    await once(child, 'spawn')
    const stat = await import('node:fs').then((fs) => fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8'))
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
    const other: Claimant = { ...self, pid: child.pid!, started }
    expect(isGone(other, self)).toBe(false)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(isGone(other, self)).toBe(true)
  })

  onLinux('is gone when another process has its pid', () => {
    expect(isGone({ ...self, started: '1' }, self)).toBe(true)
  })

  it.each<[string, Partial<Claimant>]>([
    ['of another machine, or before a restart of this one', { boot: 'other' }],
    ['in another container', { space: 'pid:[1]' }],
    ['where nothing can be told', { boot: null }],
    ['whose start is not known', { started: null }],
  ])('is never taken for dead %s', (_name, changes) => {
    expect(isGone({ ...self, pid: 2 ** 30, ...changes }, { ...self, ...(changes.boot === null && changes) })).toBe(
      false,
    )
  })
})
