import { freePort } from '@connect-run/testkit/services'
import { afterEach, expect, it, jest } from '@jest/globals'

afterEach(() => {
  jest.restoreAllMocks()
})

it('does not give out a port twice, though nobody has bound it yet', async () => {
  const random = jest.spyOn(Math, 'random').mockReturnValue(0.5)
  const first = await freePort()
  random.mockReturnValueOnce(0.5).mockReturnValue(0.6)
  expect(await freePort()).not.toBe(first)
})
