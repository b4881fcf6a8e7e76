import { describe, expect, it } from '@jest/globals'
import { UsageError, readOptions } from '../src/options.ts'

describe('the command line', () => {
  it('has defaults', () => {
    expect(readOptions([])).toEqual({
      scenarios: ['kafka-to-http', 'kafka-to-file', 'file-to-kafka'],
      records: 2_000_000,
      repeat: 3,
      partitions: [1, 4],
      profile: false,
    })
  })

  it('sets every option', () => {
    const what = ['--scenario', 'file-to-kafka,kafka-to-file', '--records', '2000', '--partitions', '1,2,8']
    expect(
      readOptions([...what, '--repeat', '1', '--json', 'figures.json', '--markdown', 'figures.md', '--profile']),
    ).toEqual({
      scenarios: ['file-to-kafka', 'kafka-to-file'],
      records: 2000,
      repeat: 1,
      partitions: [1, 2, 8],
      profile: true,
      json: 'figures.json',
      markdown: 'figures.md',
    })
  })

  it('asks for help', () => {
    expect(readOptions(['--help'])).toBeUndefined()
  })

  it.each([
    [['--scenario', 'kafka-to-nowhere']],
    [['--scenario', '']],
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
