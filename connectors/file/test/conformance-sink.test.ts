import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describeSink } from '@connect-run/testkit/conformance'
import plugin from '../src/plugin.ts'

describeSink('file', {
  plugin,
  options: async () => ({ path: path.join(await mkdtemp(path.join(tmpdir(), 'file-conformance-')), 'out.jsonl') }),
  record: (n) => ({ value: { n } }),
  read: async (options) =>
    (await readFile(String(options['path']), 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { n: number }).n),
  cleanUp: (options) => rm(path.dirname(String(options['path'])), { recursive: true, force: true }),
})
