import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describePlugin, describeSource } from '@connect-run/testkit/conformance'
import plugin from '../src/plugin.ts'

describePlugin(plugin, {
  valid: {
    source: { path: '/tmp/app.log' },
    sink: { path: '/tmp/out.txt', format: 'template', template: '${topic} ${value.a}' },
  },
})

describeSource('file', {
  plugin,
  options: async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'file-conformance-'))
    const files = ['a.log', 'b.log'].map((name) => path.join(folder, name))
    for (const file of files) await writeFile(file, '')
    return { path: files }
  },
  seed: async (options, records) => {
    const files = options['path'] as string[]
    for (const { partition, value } of records) {
      await appendFile(files[partition]!, Buffer.concat([value ?? Buffer.alloc(0), Buffer.from('\n')]))
    }
  },
  carries: { emptyValues: true, largestValueBytes: 1_000_000 },
  cleanUp: (options) => rm(path.dirname((options['path'] as string[])[0]!), { recursive: true, force: true }),
})
