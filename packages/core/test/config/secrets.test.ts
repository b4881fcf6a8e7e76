import { describe, expect, it } from '@jest/globals'

import { diagnosticsOf, pipelineOf } from './fixtures.ts'

/** Everything that a reader could come to see. */
async function shown(text: string, env: Record<string, string> = {}): Promise<string> {
  const diagnostics = await diagnosticsOf(text, env)
  expect(diagnostics).not.toEqual([])
  return JSON.stringify(diagnostics)
}

describe('a literal secret', () => {
  it.each([
    ['under a secret option', 'brokers: a\npassword: hunter2\ncount: 0'],
    ['under a secret option that is itself wrong', 'brokers: a\npassword: [hunter2]'],
    ['in quotes', 'brokers: a\npassword: "hunter2"\ncount: 0'],
    ['inside a group', 'brokers: a\ntls: {keyPassword: hunter2, verfy: true}'],
    ['of several lines', 'brokers: a\npassword: |\n  -----BEGIN\n  hunter2\ncount: 0'],
    ['as a default', 'brokers: a\npassword: ${P:-hunter2}\ncount: 0'],
    ['as an anchor and alias', 'brokers: a\npassword: &p hunter2\nmode: *p'],
    ['in a URL', 'brokers: http://me:hunter2@host/\ncount: 0'],
    ['under an unknown key that looks secret', 'brokers: a\npasswd: hunter2'],
    ['under a raw client property', 'brokers: a\nproperties: {sasl.password: hunter2, ssl.key.pem: hunter2}'],
  ])('%s is masked', async (_, lines) => {
    const text = await shown(pipelineOf(lines))
    expect(text).not.toContain('hunter2')
    expect(text).toContain('******')
  })

  it('of an unknown connector is masked', async () => {
    const text =
      'name: a\npipelines:\n  p:\n    source: {connector: kafak, password: hunter2}\n    sink: {connector: fake}\n'
    expect(await shown(text)).not.toContain('hunter2')
  })

  it.each([
    'name: a\npassword: hunter2\n\tx: 1\n',
    'name: a\nauth: {user: me, password: hunter2, mode: x\n',
    'a: {b: 1\npassword: hunter2',
    'password: "hunter2\nb: 1',
  ])('in a text that is no YAML is masked: %j', async (text) => expect(await shown(text)).not.toContain('hunter2'))

  it('leaves the caret at its place when it stands on the same line', async () => {
    const [diagnostic] = await diagnosticsOf(
      pipelineOf('brokers: a\ntls: {keyPassword: a-very-long-secret, verfy: true}'),
    )
    const { lines, mark } = diagnostic!.frame!
    const line = lines.find(({ number }) => number === mark.line)!
    expect(line.text.slice(mark.column - 1, mark.column - 1 + mark.length)).toBe('verfy')
    expect(line.text).toContain('keyPassword: ******,')
  })
})

it('a literal secret is masked in what a connector says', async () => {
  const [diagnostic] = await diagnosticsOf(pipelineOf('brokers: "a,,b"\npassword: hunter2'))
  expect(diagnostic!.hint).toBe('Password: ******.')
})

describe('a value from outside', () => {
  const env = { SECRET: 'hunter2-from-env' }

  it.each([
    'brokers: ${SECRET}\nmode: ${SECRET}',
    'brokers: a\nvalue: ${SECRET}',
    'brokers: a\ncount: ${SECRET}',
    'brokers: a\ntimeout: ${SECRET}',
    'brokers: a\nstart: ${SECRET}',
    'brokers: ${SECRET},,',
    'brokers: a\ntopics: ${SECRET}',
  ])('is never printed: %j', async (lines) => {
    const text = await shown(pipelineOf(lines), env)
    expect(text).not.toContain('hunter2')
    expect(text).toContain('${SECRET}')
  })

  it('is never printed as the name of a connector', async () => {
    const text =
      'name: a\npipelines:\n  p:\n    source: {connector: "${SECRET}"}\n    sink: {connector: fake, brokers: b}\n'
    expect(await shown(text, env)).not.toContain('hunter2')
  })

  it('is named by its variable in what a connector says', async () => {
    const [diagnostic] = await diagnosticsOf(pipelineOf('brokers: ${SECRET},,'), env)
    expect(diagnostic!.message).toBe('empty broker in ${SECRET},,')
  })
})
