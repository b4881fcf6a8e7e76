import { readFile, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { kcatProgram, runCommand, service } from '@connect-run/testkit/services'
import { expect, it } from '@jest/globals'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const kafka = await service('kafka', { own: true })

kafka.describe('the benchmark', () => {
  it('moves every record, and prints and writes the figures', async () => {
    await kcatProgram()
    const script = `import(${JSON.stringify(main)}).then(({ runBench }) => runBench(process.argv.slice(1)))`
    const args = ['--records', '3000', '--repeat', '1', '--partitions', '2', '--profile']
    const printed = await runCommand([process.execPath, '-e', script, '--', ...args])

    expect(printed).toMatch(/^connect-run again +\d+\.\d\d /m)
    expect(printed).toMatch(/^kcat -C \(read only\) +\d+\.\d\d /m)
    expect(printed).toMatch(/^ {4}\d\.\d{3} {2}\S/m)
    const file = /^written to (.+)$/m.exec(printed)![1]!
    const result = JSON.parse(await readFile(file, 'utf8')) as { topics: { subjects: { runs: object[] }[] }[] }
    await rm(file)
    const runs = result.topics[0]!.subjects.flatMap((each) => each.runs)
    expect(runs).toHaveLength(5)
    for (const run of runs) expect(run).toMatchObject({ records: 3000 })
  })
})
