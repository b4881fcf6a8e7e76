import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { codeBlocks, commands, readDoc, root, writeFiles } from './markdown.ts'
import { runCommand } from './shell.ts'

const guide = readDoc('packages/core/docs/connectors.md')

/** What the new folder shares with the repository. */
const settings = ['tsconfig.base.json', 'pnpm-workspace.yaml', '.oxlintrc.json', '.prettierrc.json', '.prettierignore']

/** What `pnpm install` links for the new package; installing here would change the repository's lockfile. */
const installed = {
  '@connect-run/core': 'packages/core',
  '@connect-run/testkit': 'packages/testkit',
  '@jest/globals': 'node_modules/@jest/globals',
  '@types/node': 'node_modules/@types/node',
}

/** Commands that stand for something that this test does in its own way, with the reason. */
const inItsOwnWay = new Map([
  ['npx --yes pnpm@10.34.9 install', 'it links the packages instead'],
  ['npm run build', 'it compiles the new package alone, which is what the build adds'],
  ['npm run test:unit -- connectors/lines', 'it runs jest with the settings of the unit tests'],
])

describe('the guide for connectors', () => {
  let folder: string

  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'connect-run-guide-')))
    for (const file of settings) cpSync(join(root, file), join(folder, file))
    mkdirSync(join(folder, 'connectors'))
    for (const linked of ['packages', 'connectors/kafka']) symlinkSync(join(root, linked), join(folder, linked))
    for (const [name, target] of Object.entries(installed)) {
      mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true })
      symlinkSync(join(root, target), join(folder, 'node_modules', name))
    }
    writeFiles(guide, folder)
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('writes nothing outside of the new folder', () => {
    const files = codeBlocks(guide).flatMap(({ file }) => file ?? [])
    expect(files.length).toBeGreaterThan(5)
    for (const file of files) expect(file).toMatch(/^connectors\/lines\//)
  })

  it('compiles, code and test', async () => {
    const tsc = join(root, 'node_modules/.bin/tsc')
    await runCommand(`${tsc} -p connectors/lines && ${tsc} -p connectors/lines/test`, folder)
    expect(existsSync(join(folder, 'connectors/lines/dist/plugin.js'))).toBe(true)
  })

  it('is clean by the rules of the repository', async () => {
    const bin = join(root, 'node_modules/.bin')
    const lint = `${bin}/oxlint --type-aware --deny-warnings connectors/lines`
    const format = `${bin}/prettier --check connectors/lines`
    await runCommand(`${lint} && ${format}`, folder, { OXLINT_TSGOLINT_PATH: `${bin}/tsgolint` })
  })

  it('says what its commands print', async () => {
    const run = commands(guide).filter((command) => !inItsOwnWay.has(command))
    const cli = `node ${join(root, 'packages/cli/bin/connect-run.cjs')}`
    let output = ''
    for (const command of run) {
      const { stdout, stderr } = await runCommand(command.replace(/^npx connect-run/, cli), folder)
      output += stdout + stderr
    }
    for (const { language, code } of codeBlocks(guide)) if (language === 'text') expect(output).toContain(code)
    expect(output).toContain('The file, from where the worker was started.')
    expect(output).toContain('{"utf8":"not JSON"}')
    expect(readFileSync(join(folder, 'out.txt'), 'utf8')).toBe('{"pressure": 7.5}\n')
  })

  it('goes on where it was when it is run again', async () => {
    const again = `echo '{"pressure": 9}' >> in.txt && node ${join(root, 'packages/cli/bin/connect-run.cjs')}`
    await runCommand(`${again} connectors/lines/examples/copy.yaml --once`, folder)
    expect(readFileSync(join(folder, 'out.txt'), 'utf8')).toBe('{"pressure": 7.5}\n{"pressure": 9}\n')
  })

  it('conforms', async () => {
    const config = `
      import { createRequire } from 'node:module'
      import base from '${join(root, 'packages/testkit/setup/jest.config.mjs')}'
      const { resolve } = createRequire('${join(root, 'package.json')}')
      const transform = Object.fromEntries(Object.entries(base.transform).map(([files, [name, options]]) => [files, [resolve(name), options]]))
      export default { ...base, rootDir: '${folder}', roots: ['<rootDir>/connectors'], transform }`
    writeFileSync(join(folder, 'jest.config.mjs'), config)
    const jest = `node --experimental-vm-modules ${join(root, 'node_modules/jest/bin/jest.js')}`
    const { stderr } = await runCommand(`${jest} --config jest.config.mjs connectors/lines`, folder, {
      CONNECT_RUN_TEST_TIER: 'unit',
    })
    expect(stderr).toMatch(/^Tests: .*\b4\d passed/m)
  })

  it('has a sibling for those who embed a worker, which compiles', async () => {
    const program = codeBlocks(readDoc('packages/core/README.md')).find(({ language }) => language === 'ts')!
    mkdirSync(join(folder, 'embedding/src'), { recursive: true })
    writeFileSync(join(folder, 'embedding/src/program.ts'), program.code)
    writeFileSync(join(folder, 'embedding/package.json'), '{ "type": "module" }')
    writeFileSync(join(folder, 'embedding/tsconfig.json'), '{ "extends": "../tsconfig.base.json" }')
    await runCommand(`${join(root, 'node_modules/.bin/tsc')} -p embedding`, folder)
  })
})
