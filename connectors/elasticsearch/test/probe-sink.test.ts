import { afterEach, expect, it } from '@jest/globals'
import { isConnectError } from '@connect-run/core'
import { testContext } from '@connect-run/testkit/conformance'
import { type SearchStandIn, type SearchStandInOptions, startSearchStandIn } from '@connect-run/testkit/embedded'
import { probeSink } from '../src/probe-sink.ts'
import { sinkConfig } from './support.ts'

let server: SearchStandIn | undefined
afterEach(() => server?.stop())

async function serve(options: SearchStandInOptions = {}): Promise<SearchStandIn> {
  return (server = await startSearchStandIn(options))
}

/** What was learned, or code and text of what is wrong. */
async function probe(options: Readonly<Record<string, unknown>> = {}, streams?: readonly string[]): Promise<string> {
  const config = sinkConfig({ url: server!.url, index: 'readings', ...options })
  try {
    return (await probeSink(config, { ...testContext({ config }), streams })).join('; ')
  } catch (error) {
    if (!isConnectError(error)) throw error
    return `${error.code}: ${error.message} | ${error.hint ?? ''}`
  }
}

it.each([
  ['opensearch', /^OpenSearch 2\.\d+\.\d+$/],
  ['elasticsearch7', /^Elasticsearch 7\.17\.\d+$/],
  ['elasticsearch8', /^Elasticsearch 8\.\d+\.\d+$/],
] as const)('finds the version of %s, and makes nothing', async (product, version) => {
  const { indices } = await serve({ product })
  expect(await probe()).toMatch(version)
  expect([...indices]).toEqual([])
})

it('says where the records decide about the index', async () => {
  await serve()
  const unchecked = 'not checked: the indices that records name'
  expect(await probe({ index: 'a-${value.site}' }, ['t'])).toContain(unchecked)
  expect(await probe({ index: '${topic}' })).toContain(unchecked)
  expect(await probe({ index: '${topic}' }, ['t'])).not.toContain(unchecked)
})

it('finds credentials that are refused, without showing them', async () => {
  await serve({ authorization: 'Basic cm9vdDpyaWdodA==' })
  const found = await probe({ username: 'root', password: 'wrong-secret' })
  expect(found).toMatch(/^AUTH_FAILED: /)
  expect(found).not.toContain('wrong-secret')
})

it('finds a missing index that nobody makes', async () => {
  await serve()
  expect(await probe({ autoCreate: false })).toMatch(/^NOT_FOUND: .*readings/)
})
