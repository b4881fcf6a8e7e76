import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import type { PropertySchema } from '@connect-run/core'
import { sinkSchema } from '../src/sink-config.ts'
import { sourceSchema } from '../src/source-config.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const [source = '', sink = ''] = readme.split('\n## Sink\n')

type Properties = Readonly<Record<string, PropertySchema>>

function optionsOf(properties: Properties, above = ''): [name: string, schema: PropertySchema][] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const { properties: inner = {} } = schema as { properties?: Properties }
    const own: [string, PropertySchema][] = [[above + key, schema]]
    return own.concat(optionsOf(inner, `${above}${key}.`))
  })
}

describe.each([
  ['source', source, sourceSchema.properties],
  ['sink', sink, sinkSchema.properties],
])('the table of the %s in the README', (_, text, properties) => {
  const rows = text.split('\n').filter((line) => line.startsWith('| `'))
  const columns = rows.map((row) => row.split(' | ').map((cell) => cell.replaceAll(/^\| |`| \|$/g, '').trim()))

  it.each(optionsOf(properties))('has %s, its default and what it means', (name, schema) => {
    const [, , otherwise, meaning] = columns.find(([option]) => option === name) ?? []
    expect(meaning?.replaceAll('\\|', '|')).toBe(schema.description.replaceAll('`', ''))
    if (schema.default !== undefined) expect(otherwise).toBe(`${schema.default as string | number | boolean}`)
  })
})
