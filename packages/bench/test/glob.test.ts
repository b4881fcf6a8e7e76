import { expect, it } from '@jest/globals'
import { matching } from '../src/glob.ts'

const names = ['kafka-to-http', 'kafka-to-file', 'file-to-kafka', 'kcat -C (read only)']

it.each([
  [['*'], names],
  [['kafka-*'], ['kafka-to-http', 'kafka-to-file']],
  [
    ['file-to-kafka', 'kafka-to-http'],
    ['kafka-to-http', 'file-to-kafka'],
  ],
  [['kafka-to-????'], ['kafka-to-http', 'kafka-to-file']],
  [['*(read only)'], ['kcat -C (read only)']],
  [['kafka'], []],
  [['kafka-to.http'], []],
])('%j', (patterns, expected) => {
  expect(matching(names, patterns)).toEqual(expected)
})
