import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { type LoadOptions, loadWorkerConfig, registryOf } from '@connect-run/core/runtime'
import plugin from '../src/plugin.ts'

type FoundConnectors = ReturnType<NonNullable<LoadOptions['findConnectors']>>

const folder = fileURLToPath(new URL('../examples/', import.meta.url))

describe('the examples', () => {
  it.each(readdirSync(folder))('%s is valid', async (name) => {
    const findConnectors = (): FoundConnectors => ({ registry: registryOf([plugin]), problems: [] })
    const { config, diagnostics } = await loadWorkerConfig(folder + name, {
      env: { KAFKA_PASSWORD: 'secret' },
      findConnectors,
    })
    expect(diagnostics).toBeUndefined()
    expect(config!.pipelines).toHaveLength(1)
  })
})
