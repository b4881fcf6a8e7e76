import { describePlugin, describeSource } from '@connect-run/testkit/conformance'
import plugin from '../src/plugin.ts'

const options = {
  fields: {
    pressure: { type: 'number', min: 0, max: 10, decimals: 1 },
    code: { type: 'integer', min: 100, max: 200 },
    site: { type: 'choice', values: ['oslo', 'bergen'], weights: [3, 1] },
    n: { type: 'sequence', start: 5, step: 2 },
    id: { type: 'string', length: 4 },
    kind: { type: 'constant', value: { v: 1 } },
  },
  count: 100,
  keyField: 'site',
  seed: 7,
  stream: 'made-up',
}

describePlugin(plugin, { valid: { source: options } })

describeSource('generator', { plugin, options: () => Promise.resolve(options), carries: { keys: true } })
