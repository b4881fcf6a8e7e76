import { describe, expect, it } from '@jest/globals'
import { compileVersion } from '../../src/operation/version.ts'
import { type TestRecord, batchOf } from './support.ts'

function versionOf(version: string, record: Partial<TestRecord> = {}): string {
  return compileVersion(version)(batchOf([{ value: {}, ...record }]).at(0))
}

function external(version: string): string {
  return `,"version":${version},"version_type":"external"`
}

describe('a version', () => {
  it('is none, or the offset', () => {
    expect(versionOf('none')).toBe('')
    expect(versionOf('offset', { offset: 0 })).toBe(external('0'))
    expect(versionOf('offset', { offset: 2 ** 53 - 1 })).toBe(external('9007199254740991'))
  })

  it('is a whole number of a header or of a field, exactly', () => {
    const headers = [{ key: 'version', value: Buffer.from('0042') }]
    expect(versionOf('${header.version}', { headers })).toBe(external('42'))
    expect(versionOf('${value.v}', { value: { v: 9223372036854775807n } })).toBe(external('9223372036854775807'))
    expect(versionOf('${value.v}', { value: { v: 7 } })).toBe(external('7'))
  })

  it.each([9223372036854775808n, -1, 1.5, 1e21, '', 'v1', '1e3', ' 1', '9'.repeat(50)])('is not %p', (v) => {
    expect(() => versionOf('${value.v}', { value: { v } })).toThrow('must be a whole number from 0 to 2^63-1')
  })

  it('needs what it is made of', () => {
    expect(() => versionOf('${header.version}')).toThrow('the version needs ${header.version}')
  })

  it('of the first of several records made of one does not shut out the others', () => {
    const batch = batchOf([{ value: {}, offset: 5 }]).expand([0, 0], [{ n: 0 }, { n: 1 }])
    const version = compileVersion('offset')
    expect(Array.from(batch, (record) => version(record))).toEqual([
      external('5'),
      ',"version":5,"version_type":"external_gte"',
    ])
  })
})
