import { expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { torturedConfig } from '../../src/torture/tortured-config.ts'

const own = {
  name: 'run',
  stateUrl: 'file:/run/state',
  pipelines: [
    {
      name: 'copy',
      source: { brokers: 'own:1', topics: ['run.in'], topicPattern: undefined },
      sink: { path: '/run/out' },
      deadLetters: { path: '/run/dead' },
    },
  ],
}

it('puts the run’s own ends into a config, and leaves all else as it is', () => {
  const text = `
name: mine
state: { url: 'redis://prod:6379', strict: true }
plugins: [./my-plugin]
embedded: { files: [producer.yaml] }
pipelines:
  copy:
    source: &end { connector: kafka, brokers: '\${KAFKA}', topicPattern: 'a.*', value: json, startAt: latest }
    transforms: [{ filter: { field: a, op: gt, value: 1 } }]
    sink: { connector: file, path: '\${OUT:-out}', format: json-lines, rotate: { size: 1MB } }
    errors: { tolerance: all, deadLetterQueue: { topic: prod.dlq } }
  other:
    source: { <<: *end, topicPattern: 'b.*' }
    sink: { connector: file, path: other }
`
  expect(parse(torturedConfig(text, own))).toEqual({
    name: 'run',
    state: { url: 'file:/run/state' },
    plugins: ['./my-plugin'],
    pipelines: {
      copy: {
        source: { connector: 'kafka', brokers: 'own:1', topics: ['run.in'], value: 'json', startAt: 'latest' },
        transforms: [{ filter: { field: 'a', op: 'gt', value: 1 } }],
        sink: { connector: 'file', path: '/run/out', format: 'json-lines', rotate: { size: '1MB' } },
        errors: { tolerance: 'all', deadLetterQueue: { path: '/run/dead' } },
      },
    },
  })
})

it('keeps what a user says of a state in Redis, but for the login of another server', () => {
  const text =
    'state: { url: "redis://prod", password: p, strict: true }\npipelines: { copy: { source: {}, sink: {} } }'
  const config = parse(torturedConfig(text, { ...own, stateUrl: 'redis://own' })) as object
  expect(config).toMatchObject({ state: { url: 'redis://own', strict: true } })
  expect(config).not.toHaveProperty('state.password')
})

it('makes no dead letter queue where there is none, and keeps variables for the worker', () => {
  const text = 'name: a\npipelines: { copy: { source: {}, sink: { value: "${V:-json}" }, errors: { tolerance: all } } }'
  const { pipelines } = parse(torturedConfig(text, own)) as { pipelines: { copy: Record<string, object> } }
  expect(pipelines.copy).toMatchObject({ errors: { tolerance: 'all' }, sink: { value: '${V:-json}' } })
  expect(pipelines.copy['errors']).not.toHaveProperty('deadLetterQueue')
})

it('says which pipeline there is not', () => {
  expect(() => torturedConfig('pipelines: {}', own)).toThrow('there is no pipeline copy')
})
