import { expect, it } from '@jest/globals'
import { kcatVersion } from '../src/environment.ts'

it('reads the versions of kcat and its library from what it prints', () => {
  const printed = 'kcat - a tool\nVersion 1.7.1 (JSON, Transactions, librdkafka 2.0.2 builtin.features=gzip,ssl)\n'
  expect(kcatVersion(printed)).toBe('1.7.1 (librdkafka 2.0.2)')
})
