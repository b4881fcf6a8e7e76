import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { takeInstanceSlot } from '../src/instance-slot.ts'

describe('instance slots', () => {
  it('are the lowest that nobody living has, for each group', async () => {
    const group = randomUUID()
    const [first, second] = [await takeInstanceSlot(group), await takeInstanceSlot(group)]
    expect([first!.slot, second!.slot]).toEqual([0, 1])
    const other = await takeInstanceSlot(`${group}-other`)
    expect(other!.slot).toBe(0)
    await first!.release()
    const again = await takeInstanceSlot(group)
    expect(again!.slot).toBe(0)
    await Promise.all([second!.release(), other!.release(), again!.release()])
  })

  it('are free as soon as their process was killed', async () => {
    const group = randomUUID()
    const probe = await takeInstanceSlot(group)
    await probe!.release()
    const path = new URL('../dist/instance-slot.js', import.meta.url).href
    const program = `import(${JSON.stringify(path)}).then((it) => it.takeInstanceSlot(${JSON.stringify(group)}))
      .then((it) => { console.log(it.slot); setInterval(() => {}, 1000) })`
    const holder = execFile(process.execPath, ['-e', program])
    const [printed] = (await once(holder.stdout!, 'data')) as [string]
    expect(printed.trim()).toBe('0')
    const beside = await takeInstanceSlot(group)
    expect(beside!.slot).toBe(1)
    holder.kill('SIGKILL')
    const freed = await pollUntil(async () => {
      const slot = await takeInstanceSlot(group)
      if (slot!.slot === 0) return slot
      await slot!.release()
      return undefined
    })
    await Promise.all([beside!.release(), freed.release()])
  })

  it('are not given where the system has no such locks', async () => {
    expect(await takeInstanceSlot('g', 'darwin')).toBeUndefined()
  })
})
