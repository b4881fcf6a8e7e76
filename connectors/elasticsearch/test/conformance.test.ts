import { type SearchStandIn, startSearchStandIn } from '@connect-run/testkit/embedded'
import { type Options, describePlugin, describeSink } from '@connect-run/testkit/conformance'
import plugin from '../src/plugin.ts'

const servers = new Map<string, SearchStandIn>()

function serverOf(options: Options): SearchStandIn {
  return servers.get(String(options['url']))!
}

describeSink('elasticsearch', {
  plugin,
  options: async () => {
    const server = await startSearchStandIn()
    servers.set(server.url, server)
    return { url: server.url, index: 'numbers' }
  },
  record: (n) => ({ value: { n } }),
  poison: () => ({ value: 'no object' }),
  read: (options) => {
    const documents = [...serverOf(options).documents('numbers').values()]
    return Promise.resolve(documents.map(({ source }) => (JSON.parse(source) as { n: number }).n))
  },
  unreachable: async () => {
    const server = await startSearchStandIn()
    await server.stop()
    return { url: server.url, index: 'numbers' }
  },
  hang: (options) => {
    const server = serverOf(options)
    server.inject({ kind: 'hang', requests: 'all' })
    return Promise.resolve(() => {
      server.clearFaults()
      return Promise.resolve()
    })
  },
  cleanUp: async (options) => {
    await serverOf(options).stop()
    servers.delete(String(options['url']))
  },
})

describePlugin(plugin, {
  valid: {
    sink: {
      url: ['https://127.0.0.1:9200', 'https://127.0.0.1:9201'],
      username: 'elastic',
      password: 'secret',
      headers: { 'x-proxy': 'secret' },
      tls: { verify: false, fingerprint: 'ab:'.repeat(31) + 'cd' },
      gzip: true,
      timeout: '10s',
      sniff: '5m',
      index: '${topic}-${time:yyyy.MM}',
      action: 'update',
      update: {
        upsert: true,
        script: { source: 'ctx._source.n += params.n', lang: 'painless', params: { n: '${value.n}' } },
        scriptedUpsert: true,
        retryOnConflict: 5,
      },
      id: 'key',
      onConflict: 'deadLetter',
      routing: '${value.customer}',
      requireAlias: true,
      autoCreate: false,
      tombstones: 'delete',
      metadata: '_record',
      decimals: 'scaled',
      mappings: {
        fromSchema: true,
        template: {
          name: 'oceanic',
          patterns: ['oceanic-*'],
          priority: 200,
          settings: { number_of_shards: 1 },
          mappings: { dynamic: 'strict' },
        },
      },
    },
  },
})
