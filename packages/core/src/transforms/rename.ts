import { RecordError } from '../api/errors.ts'
import type { Transform } from '../api/transform.ts'
import { changeValues } from './change-values.ts'
import { getField, parseFieldPath, pathText, withField, withoutField } from './field-path.ts'

export interface RenameConfig {
  readonly fields: Readonly<Record<string, string>>
}

/** Renames fields, or moves them to another object. All at once: two fields may change names with each other. */
export const rename: Transform<RenameConfig> = {
  name: 'rename',
  description:
    'Renames fields, all at once. Missing fields are left out; a new name that is taken fails the record. ' +
    'Tombstones pass untouched.',
  config: {
    type: 'object',
    properties: {
      fields: {
        type: 'object',
        additionalProperties: { type: 'string', minLength: 1 },
        description:
          'Old path of each field and its new one. Dots lead into nested objects; a name with a dot stands in backticks.',
        examples: [{ temp: 'temperature', 'meta.id': 'id' }],
      },
    },
    required: ['fields'],
  },
  effects: { readsValues: true, changesValues: true, drops: false, splits: false },
  create: ({ fields }) => {
    const moves = Object.entries(fields).map(([from, to]) => ({ from: parseFieldPath(from), to: parseFieldPath(to) }))
    return changeValues((record) => {
      let changed = record
      for (const { from } of moves) if (getField(record, from) !== undefined) changed = withoutField(changed, from)
      for (const { from, to } of moves) {
        const value = getField(record, from)
        if (value === undefined) continue
        if (getField(changed, to) !== undefined) {
          throw new RecordError('TRANSFORM_FAILED', `can't rename ${pathText(from)}: ${pathText(to)} is there already`)
        }
        changed = withField(changed, to, value)
      }
      return changed
    })
  },
}
