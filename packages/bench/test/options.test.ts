import { describe, expect, it } from '@jest/globals'
import { UsageError, readOptions } from '../src/options.ts'

describe('the command line', () => {
  it('has defaults', () => {
    expect(readOptions([])).toEqual({ records: 1_000_000, repeat: 3, partitions: [1, 4], profile: false })
  })

  it('sets every option', () => {
    const args = ['--records', '2000', '--repeat', '1', '--partitions', '1,2,8', '--profile']
    expect(readOptions(args)).toEqual({ records: 2000, repeat: 1, partitions: [1, 2, 8], profile: true })
  })

  it('asks for help', () => {
    expect(readOptions(['--help'])).toBeUndefined()
  })

  it.each([
    [['--records', '0']],
    [['--records', '1e6']],
    [['--partitions', '1,,4']],
    [['--partitions', '']],
    [['--repeat', '-1']],
    [['--rounds', '3']],
    [['everything']],
  ])('refuses %j', (args) => {
    expect(() => readOptions(args)).toThrow(UsageError)
  })
})
