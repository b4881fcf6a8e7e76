import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kcatProgram, runCommand, service } from '@connect-run/testkit/services'
import { expect, it } from '@jest/globals'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const kafka = await service('kafka', { own: true })

kafka.describe('the benchmark', () => {
  it('moves every record, and prints and writes the figures', async () => {
    await kcatProgram()
    const script = `import(${JSON.stringify(main)}).then(({ runBench }) => runBench(process.argv.slice(1)))`
    const folder = await mkdtemp(join(tmpdir(), 'connect-run-bench-'))
    const file = join(folder, 'figures.json')
    const markdown = join(folder, 'tables.md')
    const files = ['--json', file, '--markdown', markdown]
    const args = ['--records', '3000', '--repeat', '1', '--partitions', '2', ...files, '--profile']
    const printed = await runCommand([process.execPath, '-e', script, '--', ...args])

    expect(printed).toMatch(/^connect-run again +\d+\.\d\d /m)
    expect(printed).toMatch(/^kcat -C \(read only\) +\d+\.\d\d /m)
    expect(printed).toMatch(/^ {4}\d\.\d{3} {2}\S/m)
    expect(printed.match(/^Kafka Connect\b.*: \d+\.\d\d CPU-s, .* before its figures begin/gm)).toHaveLength(4)
    const result = JSON.parse(await readFile(file, 'utf8')) as Figures
    expect((await readFile(markdown, 'utf8')).match(/^\| connect-run again +\| \d/gm)).toHaveLength(3)
    await rm(folder, { recursive: true })
    expect(result.environment).toMatchObject({ connectRun: '0.1.0', kafka: '3.9.1', node: process.versions.node })
    const runs = result.scenarios.map(({ tables }) => tables[0]!.subjects.flatMap((each) => each.runs))
    expect(runs.map((each) => each.length)).toEqual([5, 5, 5])
    for (const run of runs.flat()) expect(run).toMatchObject({ records: 3000 })
  })
})

interface Figures {
  readonly environment: object
  readonly scenarios: readonly { readonly tables: readonly { readonly subjects: { runs: object[] }[] }[] }[]
}
