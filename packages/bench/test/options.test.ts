import { describe, expect, it } from '@jest/globals'
import { UsageError, readOptions } from '../src/options.ts'

const plainChoices = { valueBytes: [58], keyed: [false], compression: ['none'], answerMs: [0] }

describe('the command line', () => {
  it('has defaults', () => {
    expect(readOptions([])).toEqual({
      scenarios: ['kafka-to-http', 'kafka-to-opensearch', 'kafka-to-file', 'file-to-kafka', 'kafka-to-kafka'].concat(
        'latency-http',
        'latency-file',
      ),
      subjects: ['*'],
      records: 2_000_000,
      repeat: 3,
      seconds: 5,
      choices: { ...plainChoices, partitions: undefined },
    })
  })

  it('sets every option', () => {
    const what = ['--scenario', 'kafka-to-kafka,file-*', '--subject', 'kcat*', '--records', '2000', '--repeat', '1']
    const how = ['--partitions', '1,2,8', '--values', '1k,58,100', '--keys', 'yes', '--compression', 'zstd,none']
    const rest = ['--answer', '0,20', '--seconds', '9', '--profile', 'profiles']
    const files = ['--json', 'figures.json', '--markdown', 'figures.md']
    expect(readOptions([...what, ...how, ...rest, ...files])).toEqual({
      scenarios: ['file-to-kafka', 'kafka-to-kafka'],
      subjects: ['kcat*'],
      records: 2000,
      repeat: 1,
      seconds: 9,
      choices: {
        partitions: [1, 2, 8],
        valueBytes: [1024, 58, 100],
        keyed: [true],
        compression: ['zstd', 'none'],
        answerMs: [0, 20],
      },
      profile: 'profiles',
      json: 'figures.json',
      markdown: 'figures.md',
    })
  })

  it('has a quick set, in which single options can be others', () => {
    expect(readOptions(['--quick', '--repeat', '5'])).toMatchObject({
      records: 500_000,
      repeat: 5,
      choices: { ...plainChoices, partitions: [1] },
    })
  })

  it('has a set of everything', () => {
    expect(readOptions(['--all'])).toMatchObject({
      records: 2_000_000,
      choices: {
        partitions: [1, 4, 16],
        valueBytes: [58, 1024, 102_400],
        keyed: [false, true],
        compression: ['none', 'gzip', 'lz4', 'zstd'],
        answerMs: [0, 5, 20],
      },
    })
  })

  it('asks for help', () => {
    expect(readOptions(['--help'])).toBeUndefined()
  })

  it.each([
    [['--scenario', 'kafka-to-nowhere']],
    [['--scenario', 'kafka-to-*,latency']],
    [['--scenario', '']],
    [['--subject', 'kcat*,']],
    [['--records', '0']],
    [['--records', '1e6']],
    [['--partitions', '1,,4']],
    [['--partitions', '']],
    [['--repeat', '-1']],
    [['--values', '59']],
    [['--values', '1M']],
    [['--values', '901k']],
    [['--keys', 'true']],
    [['--compression', 'snappy']],
    [['--answer', '5ms']],
    [['--quick', '--all']],
    [['--profile']],
    [['--rounds', '3']],
    [['everything']],
  ])('refuses %j', (args) => {
    expect(() => readOptions(args)).toThrow(UsageError)
  })
})
