import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../..', import.meta.url))

/** A folder, and a module that its files must not import. */
const FORBIDDEN = [
  ['packages/core/src', 'undici'],
  ['packages/core/src', '@connect-run/http'],
  ['packages/core/src', '@connect-run/connector-kafka/client'],
  ['packages/http/src', 'node-rdkafka'],
  ['packages/http/src', '@connect-run/core/runtime'],
  ['packages/http/src', '@connect-run/connector-kafka/client'],
  ['packages/state-redis/src', 'undici'],
  ['packages/state-redis/src', '@connect-run/http'],
  ['packages/cli/src', 'node-rdkafka'],
  ['packages/cli/src', 'ioredis'],
  ['packages/testkit/src', 'undici'],
  ['connectors/any/src', 'node-rdkafka'],
  ['connectors/any/src', 'undici'],
  ['connectors/any/src', '@connect-run/core/runtime'],
  ['connectors/any/src', '@connect-run/connector-kafka'],
  ['connectors/any/src', '@connect-run/connector-kafka/client'],
  ['connectors/any/src', '@connect-run/testkit/services'],
  ['connectors/kafka/src', '@connect-run/http'],
  ['connectors/kafka/src', '@connect-run/core/runtime'],
] as const

/** A folder, and a module that its files may import. */
const ALLOWED = [
  ['connectors/any/src', '@connect-run/core'],
  ['connectors/any/src', '@connect-run/http'],
  ['connectors/kafka/src', 'node-rdkafka'],
  ['packages/http/src', 'undici'],
  ['packages/http/src', '@connect-run/core'],
  ['packages/state-redis/src', 'ioredis'],
  ['packages/state-redis/src', 'bullmq'],
  ['packages/state-redis/src', '@connect-run/core/runtime'],
  ['packages/cli/src', '@connect-run/core/runtime'],
  ['packages/testkit/src', '@connect-run/connector-kafka/client'],
] as const

const OTHER = {
  'packages/cli/src/one.ts': "import { two } from './two.ts'\nexport const one = (): number => two()\n",
  'packages/cli/src/two.ts': "import { one } from './one.ts'\nexport const two = (): number => one()\n",
  'packages/cli/src/habits.ts':
    'export function f(a: any, b: number, c: number, d: number, e: number): void {\n  console.log(a, b, c, d, e)\n}\n',
  'packages/cli/src/floating.ts': 'export function f(work: () => Promise<void>): void {\n  work()\n}\n',
}

const fileOf = (folder: string, module: string): string => `${folder}/imports-${module.replaceAll(/\W/g, '-')}.ts`

describe('the lint configuration', () => {
  let tree: string
  let broken: Map<string, string[]>

  beforeAll(() => {
    tree = mkdtempSync(join(tmpdir(), 'connect-run-lint-'))
    copyFileSync(join(root, '.oxlintrc.json'), join(tree, '.oxlintrc.json'))
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules')) // the typed half of the linter is found there
    for (const [folder, module] of [...FORBIDDEN, ...ALLOWED]) {
      write(fileOf(folder, module), `import thing from '${module}'\nexport default thing\n`)
    }
    for (const [path, text] of Object.entries(OTHER)) write(path, text)
    broken = lint()
  })
  afterAll(() => rmSync(tree, { recursive: true, force: true }))

  function write(path: string, text: string): void {
    mkdirSync(join(tree, dirname(path)), { recursive: true })
    writeFileSync(join(tree, path), text)
  }

  /** The rules that each file breaks. */
  function lint(): Map<string, string[]> {
    const oxlint = join(root, 'node_modules', '.bin', 'oxlint')
    const { stdout } = spawnSync(oxlint, ['--type-aware', '--format', 'json', '.'], { cwd: tree, encoding: 'utf8' })
    const found = new Map<string, string[]>()
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code?: string; filename: string }[] }
    for (const { code = '', filename } of diagnostics) found.set(filename, [...(found.get(filename) ?? []), code])
    return found
  }

  it.each(FORBIDDEN)('lets no file of %s import %s', (folder, module) => {
    expect(broken.get(fileOf(folder, module)) ?? []).toContain('eslint(no-restricted-imports)')
  })

  it.each(ALLOWED)('lets the files of %s import %s', (folder, module) => {
    expect(broken.get(fileOf(folder, module)) ?? []).not.toContain('eslint(no-restricted-imports)')
  })

  it('finds import cycles', () => {
    expect(broken.get('packages/cli/src/two.ts')).toContain('import(no-cycle)')
  })

  it('finds floating promises, which takes the types', () => {
    expect(broken.get('packages/cli/src/floating.ts')).toContain('typescript(no-floating-promises)')
  })

  it('finds any, console and long parameter lists', () => {
    const rules = ['typescript(no-explicit-any)', 'eslint(no-console)', 'eslint(max-params)']
    expect(broken.get('packages/cli/src/habits.ts')).toEqual(expect.arrayContaining(rules))
  })
})
