import { cached } from '@connect-run/testkit/services'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

describe('cached', () => {
  let cache: string

  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'connect-run-cache-'))
    process.env['CONNECT_RUN_CACHE'] = cache
  })
  afterEach(() => {
    delete process.env['CONNECT_RUN_CACHE']
    rmSync(cache, { recursive: true, force: true })
  })

  const fill = (text: string) => async (folder: string) => writeFileSync(join(folder, 'file'), text)

  it('fills a folder once', async () => {
    expect(await cached('jars', fill('first'))).toBe(join(cache, 'jars'))
    await cached('jars', fill('second'))
    expect(readFileSync(join(cache, 'jars', 'file'), 'utf8')).toBe('first')
  })

  it('leaves nothing behind when filling fails', async () => {
    await expect(cached('jars', () => Promise.reject(new Error('no network')))).rejects.toThrow('no network')
    expect(readdirSync(cache)).toEqual([])
    await cached('jars', fill('later'))
    expect(readFileSync(join(cache, 'jars', 'file'), 'utf8')).toBe('later')
  })

  it('is filled by one of two that ask at once', async () => {
    let fills = 0
    const slow = async (folder: string): Promise<void> => {
      fills++
      await new Promise((resolve) => setImmediate(resolve))
      writeFileSync(join(folder, 'file'), 'complete')
    }
    const both = await Promise.all([cached('jars', slow), cached('jars', slow)])
    expect(both).toEqual([join(cache, 'jars'), join(cache, 'jars')])
    expect(fills).toBe(1)
    expect(readdirSync(cache)).toEqual(['jars'])
  })

  it('does not wait for a process that died while it filled', async () => {
    const { pid } = spawnSync(process.execPath, ['--version'])
    writeFileSync(join(cache, 'jars.lock'), String(pid))
    await cached('jars', fill('later'))
    expect(readdirSync(cache)).toEqual(['jars'])
  })
})
