import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type Embedded, startEmbedded } from '../../src/embedded/index.ts'
import { pollUntil } from '../../src/index.ts'
import { codeBlocks, commands, readDoc, root, writeFiles } from './markdown.ts'
import { runCommand, startCommand } from './shell.ts'

const readme = readDoc('README.md')
const textBlocks = codeBlocks(readme).filter(({ language }) => language === 'text')

/** A command of the README, and how a test shows that it is right. */
const checks: Readonly<Record<string, () => Promise<void>>> = {
  // It installs system packages: what it installs is compared with what the preflight asks for.
  [commands(readme).find((command) => command.startsWith('sudo apt-get')) ?? 'sudo apt-get']: async () => {
    const wanted = [...readDoc('packages/testkit/setup/preflight.mjs').matchAll(/package: '([^']+)'/g)]
    const install = commands(readme).find((command) => command.startsWith('sudo apt-get'))!
    expect(install.split('--no-install-recommends ')[1]!.split(' ')).toEqual(wanted.map((match) => match[1]))
  },

  // It would install into the folder that the other tests use: its worker is the next command but one.
  'npm run demo': async () => {
    expect(scripts()['demo']).toBe('node packages/testkit/setup/demo.mjs')
    expect(readDoc('packages/testkit/setup/demo.mjs')).toContain("'configs/oceanic.yaml', '--embedded'")
  },

  // It is what runs this test.
  'npm test': async () => {
    expect(scripts()['test']).toBe('node packages/testkit/setup/test.mjs')
    expect(readDoc('.ci/run')).toMatch(/^exec npm test/m)
  },

  'npx connect-run configs/oceanic.yaml --embedded': async () => {
    const { stdout, stderr } = await runHere('npx connect-run configs/oceanic.yaml --embedded')
    expect(stdout).toContain('select * from kafka_consumer  2,000 rows')
    expect(stderr).toMatch(/oceanic-to-cnosdb +2,000 +2,000 +0 +0 +0 +adds up/)
  },

  'npx connect-run validate configs': async () => {
    const { stdout } = await runHere('npx connect-run validate configs')
    expect(stdout).toMatch(/ok +configs\/oceanic\.yaml +oceanic-to-cnosdb \(kafka -> cnosdb\)/)
  },

  'npx connect-run connectors': async () => {
    const { stdout } = await runHere('npx connect-run connectors')
    for (const name of ['cnosdb', 'generator', 'kafka']) expect(stdout).toMatch(new RegExp(`^${name} `, 'm'))
  },

  'npx connect-run connectors kafka': async () => {
    expect((await runHere('npx connect-run connectors kafka')).stdout).toMatch(/brokers .*required/)
  },

  'npx connect-run configs/oceanic-producer.yaml': async () => {
    await runHere('npx connect-run configs/oceanic-producer.yaml', servers.env)
  },

  'npx connect-run configs/oceanic.yaml': async () => {
    const { child, ended } = startCommand('exec npx connect-run configs/oceanic.yaml', root, servers.env)
    const rows = async (): Promise<number> => (await servers.query('select * from kafka_consumer')).rows.length
    await pollUntil(async () => (await rows()) === 2000, { what: '2,000 rows', timeoutMs: 60_000 })
    // As a terminal does at Ctrl-C. npx itself then dies of the signal, whatever its command ended with.
    process.kill(-child.pid!, 'SIGINT')
    expect((await ended).stderr).toMatch(/"state":"ended","read":2000,"written":2000,.*"msg":"ledger"/)
  },

  'npx connect-run readings.yaml': async () => {
    await runCommand('npx connect-run readings.yaml', folder)
    await runCommand('npx connect-run readings.yaml', folder) // which adds nothing
  },

  'cat readings.jsonl': async () => {
    const { stdout } = await runCommand('cat readings.jsonl', folder)
    expect(textBlocks.map(({ code }) => code)).toContain(stdout)
  },
}

let folder: string
let servers: Embedded

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-readme-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  cpSync(join(root, 'configs/oceanic.yaml'), join(folder, 'oceanic.yaml'))
  writeFiles(readme, folder)
  servers = await startEmbedded()
})

afterAll(async () => {
  await servers.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('the README', () => {
  it('has no command without a check', () => {
    expect(commands(readme)).toEqual(Object.keys(checks))
  })

  it.each(Object.keys(checks))('%s', (command) => checks[command]!())

  it('shows an error as it is printed', async () => {
    const wrong = readFileSync(join(folder, 'oceanic.yaml'), 'utf8').replace('database:', 'databse:')
    writeFileSync(join(folder, 'oceanic.yaml'), wrong)
    const { code, stdout } = await startCommand('npx connect-run validate oceanic.yaml', folder).ended
    expect(code).toBe(2)
    expect(textBlocks.map((block) => block.code.trim())).toContain(stdout.trim())
  })

  it('says how the command runs elsewhere', async () => {
    expect(readme).toContain('`node CLONE/packages/cli/bin/connect-run.cjs`')
    const elsewhere = mkdtempSync(join(folder, 'elsewhere-'))
    const { stdout } = await runCommand(`node ${join(root, 'packages/cli/bin/connect-run.cjs')} connectors`, elsewhere)
    expect(stdout).toMatch(/^kafka /m)
  })

  it('shows the usage with every option that there is', async () => {
    const usage = textBlocks.find(({ code }) => code.startsWith('connect-run FILE'))!.code.split('\n')
    for (const [line, subcommand] of ['run', 'validate', 'connectors'].entries()) {
      const { stdout } = await runHere(`npx connect-run ${subcommand} --help`)
      const options = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map((match) => match[1])
      expect(usage[line]!.match(/--[a-z-]+/g)).toEqual(options)
    }
  })
})

function runHere(command: string, env: NodeJS.ProcessEnv = {}): ReturnType<typeof runCommand> {
  return runCommand(command, root, env)
}

function scripts(): Readonly<Record<string, string>> {
  return (JSON.parse(readDoc('package.json')) as { scripts: Record<string, string> }).scripts
}
