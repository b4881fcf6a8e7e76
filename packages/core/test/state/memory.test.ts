import { describe, expect, it } from '@jest/globals'
import { createMemoryStateStore } from '../../src/state/memory.ts'

describe('the memory store', () => {
  it('keeps positions between claims, and lets one at a time have them', async () => {
    const store = createMemoryStateStore()
    const state = await store.open('task')
    await state.write({ positions: [{ stream: 's', partition: 0, position: { offset: 1 } }] })
    await expect(store.open('task')).rejects.toMatchObject({ code: 'STATE_LOCKED', kind: 'retriable' })
    await state.close()
    await expect(state.write({ positions: [] })).rejects.toMatchObject({ code: 'STOPPED' })
    const again = await store.open('task')
    await again.write({ positions: [{ stream: 's', partition: 1, position: { offset: 2 } }] })
    expect(again.positions.map(({ partition, position }) => [partition, position.offset])).toEqual([
      [0, 1],
      [1, 2],
    ])
    await state.close()
    await expect(store.open('task')).rejects.toMatchObject({ code: 'STATE_LOCKED' })
  })

  it('forgets a partition that has ended', async () => {
    const state = await createMemoryStateStore().open('task')
    await state.write({ positions: [{ stream: 's', partition: 0, position: { offset: 1 } }] })
    await state.write({
      positions: [
        { stream: 's', partition: 0, position: { offset: 4, ended: true } },
        { stream: 's', partition: 1, position: { offset: 2 } },
      ],
    })
    expect(state.positions).toEqual([{ stream: 's', partition: 1, position: { offset: 2 } }])
  })
})
