import { type ConnectRecord, type TemplatePart, jsonText, parseTemplate, partText, valueAt } from '@connect-run/core'
import type { ScriptConfig, UpdateConfig } from '../sink-config.ts'
import { notJson } from './refusals.ts'

/** The line of an update after its action line. */
export interface UpdateBody {
  /** Whether the record's document is a part of it. */
  readonly hasDocument: boolean
  /** `document`: as JSON; anything where it is no part. */
  text(record: ConnectRecord, document: string): string
}

export function compileUpdate({ upsert = true, script, scriptedUpsert = false }: UpdateConfig): UpdateBody {
  if (script === undefined) {
    const tail = upsert ? ',"doc_as_upsert":true}' : '}'
    return { hasDocument: true, text: (_record, document) => `{"doc":${document}${tail}` }
  }
  const scriptText = compileScript(script)
  if (!upsert) return { hasDocument: false, text: (record) => `{"script":${scriptText(record)}}` }
  const middle = scriptedUpsert ? ',"scripted_upsert":true,"upsert":' : ',"upsert":'
  return { hasDocument: true, text: (record, document) => `{"script":${scriptText(record)}${middle}${document}}` }
}

function compileScript({ params, ...script }: ScriptConfig): (record: ConnectRecord) => string {
  const text = JSON.stringify(script)
  if (params === undefined) return () => text
  const compiled = Object.entries(params).map(([name, value]) => ({ name, of: compileParam(name, value) }))
  return (record) => {
    const values = new Map(compiled.map(({ name, of }) => [name, of(record)]))
    try {
      return `${text.slice(0, -1)},"params":${jsonText(values, { maps: 'entries', decimals: 'string' })}}`
    } catch (error) {
      throw notJson('a parameter of the script', error)
    }
  }
}

/** A text is a template. One that is a single placeholder keeps the type of what it finds. */
function compileParam(name: string, value: unknown): (record: ConnectRecord) => unknown {
  if (typeof value !== 'string') return () => value
  const option = `update.script.params.${name}`
  const parts = parseTemplate(value)
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return (record) => typed(only, record, option)
  return (record) => {
    let text = ''
    for (const part of parts) text += partText(part, record, option)
    return text
  }
}

function typed(part: TemplatePart, record: ConnectRecord, option: string): unknown {
  if (part.kind === 'key') return record.key
  // Without a path it is the value itself.
  if (part.kind === 'value') return valueAt(record.value, part.path) ?? null
  return partText(part, record, option)
}
