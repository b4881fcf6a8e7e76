import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kcatProgram, runCommand, service } from '@connect-run/testkit/services'
import { afterEach, beforeEach, expect, it } from '@jest/globals'

const kafka = await service('kafka', { own: true })
const opensearch = await service('opensearch', { own: true })

/** Runs a program of dist as its file in bin does once everything is built. */
async function run(module: string, name: string, args: readonly string[]): Promise<string> {
  await kcatProgram()
  const path = fileURLToPath(new URL(`../dist/${module}`, import.meta.url))
  const script = `import(${JSON.stringify(path)}).then((it) => it.${name}(process.argv.slice(1)))`
  return runCommand([process.execPath, '-e', script, '--', ...args])
}

kafka.describe('the benchmark', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'connect-run-bench-'))
  })

  afterEach(() => rm(folder, { recursive: true }))

  it('moves every record, and prints and writes the figures', async () => {
    const [file, markdown, profiles] = ['figures.json', 'tables.md', 'profiles'].map((name) => join(folder, name))
    const what = ['--records', '3000', '--repeat', '1', '--seconds', '1', '--partitions', '2', '--values', '100']
    const moved = 'kafka-to-http,kafka-to-file,file-to-kafka,kafka-to-kafka'
    const who = ['--scenario', `${moved},latency-file`, '--subject', 'kcat*']
    const where = ['--json', file!, '--markdown', markdown!, '--profile', profiles!]
    const printed = await run('main.js', 'runBench', [...what, ...who, ...where])

    expect(printed).not.toContain('FAILED')
    expect(printed.match(/^connect-run again +\d+\.\d\d /gm)).toHaveLength(4)
    expect(printed).toMatch(/^kcat -C \(read only\) +\d+\.\d\d /m)
    expect(printed.match(/^delay of connect-run's event loop.*: p50 \d+\.\d ms/gm)).toHaveLength(4)
    expect(printed).toMatch(/^kcat -C -u > file +\d+ +\d+ +\d+ /m)
    expect((await readFile(markdown!, 'utf8')).match(/^\| connect-run again +\| \d/gm)).toHaveLength(4)
    const kinds = (await readdir(profiles!)).map((name) => name.replace(/.*\./, ''))
    expect(kinds.toSorted()).toEqual([...Array<string>(4).fill('cpuprofile'), ...Array<string>(4).fill('svg')])

    const result = JSON.parse(await readFile(file!, 'utf8')) as Figures
    expect(result.environment).toMatchObject({ connectRun: '0.1.0', kafka: '3.9.1', node: process.versions.node })
    const runs = result.scenarios.map(({ tables }) => tables[0]!.subjects.flatMap((each) => each.runs))
    expect(runs.map((each) => each.length)).toEqual([3, 3, 3, 3])
    for (const each of runs.flat()) expect(each).toMatchObject({ records: 3000 })
    const timed = result.latencies[0]!.subjects.flatMap((each) => each.runs)
    expect(timed).toHaveLength(2)
    for (const { records } of timed) expect(records).toBeGreaterThan(5000)
  })

  it('measures Kafka Connect beside it', async () => {
    const what = ['--scenario', 'kafka-to-file,file-to-kafka', '--records', '3000', '--repeat', '1']
    const printed = await run('main.js', 'runBench', [...what, '--subject', '*warmed up,*published*,*Redis*'])
    expect(printed).toMatch(/^connect-run, state in Redis \d+\.\d+\.\d+ +\d+\.\d\d /m)
    expect(printed.match(/^Kafka Connect\b.*: \d+\.\d\d CPU-s, .* before its figures begin/gm)).toHaveLength(2)
  })

  opensearch.describe('into OpenSearch', () => {
    it('counts the documents, and the CPU of the server apart', async () => {
      const what = ['--scenario', 'kafka-to-opensearch', '--records', '3000', '--repeat', '1', '--subject', '*auto']
      const printed = await run('main.js', 'runBench', what)
      expect(printed).not.toContain('FAILED')
      for (const subject of ['connect-run', 'connect-run, id: auto', 'connect-run again']) {
        expect(printed).toMatch(new RegExp(`^${subject} +\\d+\\.\\d\\d .* \\d+$`, 'm'))
      }
    })
  })

  it('has a guard that records ratios', async () => {
    const file = join(folder, 'guard.json')
    const printed = await run('guard/main.js', 'runGuard', [
      '--record',
      '--file',
      file,
      '--records',
      '100000',
      '--rounds',
      '1',
    ])
    expect(printed).toContain(`written to ${file}`)
    const { ratios } = JSON.parse(await readFile(file, 'utf8')) as { readonly ratios: Readonly<Record<string, number>> }
    expect(Object.keys(ratios)).toEqual(['kafka-to-http', 'kafka-to-file', 'file-to-kafka'])
    for (const ratio of Object.values(ratios)) expect(ratio).toBeGreaterThan(0)
  })
})

interface Figures {
  readonly environment: object
  readonly scenarios: readonly { readonly tables: readonly { readonly subjects: { runs: object[] }[] }[] }[]
  readonly latencies: readonly { readonly subjects: { readonly runs: { readonly records: number }[] }[] }[]
}
