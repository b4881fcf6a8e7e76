import type { Transform } from '../api/transform.ts'
import { changeValues } from './change-values.ts'
import { parseFieldPath, withField } from './field-path.ts'

export interface SetConfig {
  readonly fields: Readonly<Record<string, unknown>>
}

/** Gives fields a fixed value, whether they were there or not. */
export const set: Transform<SetConfig> = {
  name: 'set',
  description: 'Gives fields a fixed value, whether they were there or not. Tombstones pass untouched.',
  config: {
    type: 'object',
    properties: {
      fields: {
        type: 'object',
        additionalProperties: {},
        description:
          'Path of each field and its value. Dots lead into nested objects, which are made where they are missing; ' +
          'a name with a dot stands in backticks.',
        examples: [{ site: 'oslo', 'meta.version': 2 }],
      },
    },
    required: ['fields'],
  },
  effects: { readsValues: true, changesValues: true, drops: false, splits: false },
  create: ({ fields }) => {
    const settings = Object.entries(fields).map(([path, value]) => ({ path: parseFieldPath(path), value }))
    return changeValues((record) => {
      let changed = record
      for (const { path, value } of settings) changed = withField(changed, path, value)
      return changed
    })
  },
}
