import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, it } from '@jest/globals'

import { validate } from '../../src/commands/validate.ts'
import { fakeHost, loaded, workerConfig } from '../fake-host.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-validate-'))
  mkdirSync(join(folder, 'k8s'))
  writeFileSync(join(folder, 'a.yaml'), 'name: a\n')
  writeFileSync(join(folder, 'k8s/service.yml'), 'kind: Service\n')
})

afterEach(() => rmSync(folder, { recursive: true }))

it('skips other YAML in a folder, and says so', async () => {
  const host = fakeHost()
  expect(await validate([folder], { format: 'text', probe: false }, host)).toBe(2)
  expect(host.stderr.text).toBe(
    `skipped  ${join(folder, 'k8s/service.yml')}  it has neither \`name\` nor \`pipelines\`\n`,
  )
  expect(host.stdout.text).toContain('a.yaml:7:3')
  expect(host.stdout.text).not.toContain('service.yml')
})

it('checks every file that is named', async () => {
  const host = fakeHost()
  expect(await validate([join(folder, 'k8s/service.yml')], { format: 'text', probe: false }, host)).toBe(2)
  expect(host.stderr.text).toBe('')
  expect(host.stdout.text).toContain('service.yml:7:3')
})

it('ends with 2 where there is no config at all', async () => {
  const host = fakeHost()
  expect(await validate([join(folder, 'k8s')], { format: 'text', probe: false }, host)).toBe(2)
  expect(host.stderr.text).toContain(`No config (.yaml or .yml) in ${join(folder, 'k8s')}.`)
})

it('warns of what can run nevertheless', async () => {
  const warning = { file: 'a.yaml', line: 3, column: 5, path: 'sink.password', message: 'a secret stands in the file' }
  const host = fakeHost({ loadConfig: async () => loaded(workerConfig('a'), [warning]) })
  expect(await validate(['a.yaml'], { format: 'github', probe: false }, host)).toBe(0)
  expect(host.stderr.text).toBe('warning  a.yaml:3:5  a secret stands in the file at sink.password\n')
})
