import { describe, expect, it } from '@jest/globals'
import { nameOf, olderThan, readVersion } from '../../src/cluster/server-version.ts'

const answer = (body: unknown, headers: Record<string, string> = {}): Parameters<typeof readVersion>[0] => ({
  status: 200,
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
})
const elastic = { 'x-elastic-product': 'Elasticsearch' }

describe('the version of a server', () => {
  it.each([
    [{ version: { number: '8.19.21', build_flavor: 'default' } }, elastic, 'Elasticsearch 8.19.21'],
    [{ version: { number: '9.0.0-SNAPSHOT' } }, {}, 'Elasticsearch 9.0.0-SNAPSHOT'],
    [{ version: { distribution: 'opensearch', number: '2.19.1' } }, {}, 'OpenSearch 2.19.1'],
    [{ version: { number: '7.10.2' }, tagline: 'The OpenSearch Project: https://opensearch.org/' }, {}, 'OpenSearch'],
    [{ version: { number: '8.11.0', build_flavor: 'serverless' } }, elastic, 'Elasticsearch Serverless'],
    ['', elastic, 'Elasticsearch'],
    ['<html>', {}, 'an unknown server'],
    [{ version: null }, {}, 'an unknown server'],
    [{ version: { number: 7 } }, {}, 'an unknown server'],
    ['null', {}, 'an unknown server'],
  ])('%j with %j is %s', (body, headers, name) => {
    expect(nameOf(readVersion(answer(body, headers as Record<string, string>)))).toBe(name)
  })

  it.each([
    ['elasticsearch', '6.8.23', 'Elasticsearch 7.17'],
    ['elasticsearch', '7.16.3', 'Elasticsearch 7.17'],
    ['elasticsearch', '7.17.0', undefined],
    ['elasticsearch', '10.1.0', undefined],
    ['opensearch', '1.3.20', 'OpenSearch 2.0'],
    ['opensearch', '3.0.0', undefined],
    ['serverless', '1.0.0', undefined],
  ] as const)('%s %s is older than %s', (distribution, number, needed) => {
    expect(olderThan({ distribution, number })).toBe(needed)
  })
})
