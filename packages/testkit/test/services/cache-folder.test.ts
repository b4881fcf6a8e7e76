import { cached } from '@connect-run/testkit/services'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
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

  it('gives two fillers at once the same complete folder', async () => {
    const both = await Promise.all([cached('jars', fill('one')), cached('jars', fill('two'))])
    expect(both).toEqual([join(cache, 'jars'), join(cache, 'jars')])
    expect(readdirSync(cache)).toEqual(['jars'])
  })
})
