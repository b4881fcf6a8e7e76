import { describe, expect, it } from '@jest/globals'

import { closest, didYouMean, listOf } from '../../src/config/suggest.ts'

const options = ['brokers', 'topics', 'topicPattern', 'groupId', 'batch', 'value']

describe('closest', () => {
  it.each([
    ['topcs', 'topics'],
    ['topic', 'topics'],
    ['TOPICS', 'topics'],
    ['group-id', 'groupId'],
    ['group_id', 'groupId'],
    ['group.id', 'groupId'],
    ['vaule', 'value'],
    ['topicpatern', 'topicPattern'],
  ])('takes %s for %s', (word, meant) => expect(closest(word, options)).toBe(meant))

  it.each(['password', 'x', 'zzzzzz', ''])('takes "%s" for nothing', (word) =>
    expect(closest(word, options)).toBeUndefined(),
  )
})

it('falls back where nothing is near', () => {
  expect(didYouMean('topcs', options, 'No.')).toBe('Did you mean "topics"?')
  expect(didYouMean('zzzzzz', options, 'No.')).toBe('No.')
})

it('lists words', () => {
  expect(listOf([])).toBe('')
  expect(listOf(['a'])).toBe('a')
  expect(listOf(['a', 'b', 'c'])).toBe('a, b and c')
  expect(listOf(['a', 'b'], 'or')).toBe('a or b')
})
