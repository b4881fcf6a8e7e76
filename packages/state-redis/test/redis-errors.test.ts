import { describe, expect, it } from '@jest/globals'
import { stateError } from '../src/redis-errors.ts'

describe('what Redis refuses', () => {
  it.each([
    [
      'NOAUTH Authentication required.',
      'Redis at redis://h does not let this user in: NOAUTH Authentication required',
      /^check user and password/,
    ],
    ["OOM command not allowed when used memory > 'maxmemory'.", / is out of memory: OOM .* 'maxmemory'$/, /maxmemory/],
    [
      'connect ECONNREFUSED 127.0.0.1:6379',
      "can't reach Redis at redis://h: connect ECONNREFUSED 127.0.0.1:6379",
      /start it/,
    ],
    ['one line\nand another', "can't reach Redis at redis://h: one line", /start it/],
  ])('is part of a sentence: %s', (said, message, hint) => {
    const error = stateError(new Error(said), 'redis://h')
    expect(error.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message))
    expect(error).toMatchObject({ code: 'STATE_UNWRITABLE', hint: expect.stringMatching(hint) as unknown })
  })
})
