import { describe, expect, it } from '@jest/globals'
import { Ajv } from 'ajv'
import { parse } from 'yaml'

import { editorSchema } from '../../src/config/editor-schema.ts'
import { builtins } from '../../src/plugins/builtins.ts'
import { fake, pipelineOf, sinkOnly } from './fixtures.ts'

// As an editor reads it: plain JSON Schema, without any keyword or format of ours.
const schema = editorSchema([fake, sinkOnly], builtins)
const validate = new Ajv({ strict: true, strictTypes: false, strictRequired: false }).compile(schema)

const accepts = (text: string): boolean => validate(parse(text))

describe('the schema for editors', () => {
  it.each([
    ['brokers: a', ''],
    ['brokers: a\ntimeout: 5s\nsize: 1MiB\ncount: 3\ncheck: true\nstart: latest', ''],
    ['brokers: ${B}\ntimeout: ${T}\nsize: ${S}\ncount: ${N}\ncheck: ${C}\nstart: ${X}\nmode: ${M}', ''],
    [
      'brokers: a\nkey: string\nvalue: {converter: json}',
      '    transforms:\n      - filter: {field: a, op: gt, value: 5}\n',
    ],
    ['brokers: a', '    errors: {tolerance: all, deadLetterQueue: {topic: t}}\n    commitInterval: 500ms\n'],
  ])('accepts %j %j', (source, rest) => expect(accepts(pipelineOf(source, rest))).toBe(true))

  it.each([
    ['brokers: a\ntopcs: [a]', ''],
    ['count: 3', ''],
    ['brokers: a\ntimeout: 5', ''],
    ['brokers: a\nsize: 5', ''],
    ['brokers: a\ncount: many', ''],
    ['brokers: a\nstart: sometime', ''],
    ['brokers: a\nvalue: {converter: nope}', ''],
    ['brokers: a', '    transforms:\n      - filtr: {}\n'],
    ['brokers: a', '    commitIntervall: 1s\n'],
    ['brokers: a', '    errors: {tolerance: some}\n'],
  ])('underlines %j %j', (source, rest) => expect(accepts(pipelineOf(source, rest))).toBe(false))

  it('shows no default of a secret and describes what it offers', () => {
    const text = JSON.stringify(schema)
    expect(text).toContain('Where to connect.')
    expect(text).not.toContain('"secret"')
    expect(text).not.toContain('"errorMessage"')
  })
})
