import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { type Options, describePlugin, describeSink } from '@connect-run/testkit/conformance'
import plugin from '../src/plugin.ts'

const servers = new Map<string, CnosdbServer>()

function serverOf(options: Options): CnosdbServer {
  return servers.get(String(options['url']))!
}

describeSink('cnosdb', {
  plugin,
  options: async () => {
    const server = await startCnosdbServer()
    servers.set(server.url, server)
    return { url: server.url, table: 'numbers' }
  },
  record: (n) => ({ value: { n } }),
  poison: () => ({ value: 'no object' }),
  read: (options) =>
    Promise.resolve(
      serverOf(options)
        .rows('numbers')
        .map((row) => Number(row['n'])),
    ),
  unreachable: async () => {
    const server = await startCnosdbServer()
    await server.stop()
    return { url: server.url, table: 'numbers' }
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
      url: 'http://127.0.0.1:8902',
      api: 'cnosdb',
      username: 'root',
      password: 'secret',
      tenant: 'cnosdb',
      database: 'public',
      createDatabase: true,
      table: 'kafka_consumer',
      root: 'payload',
      tags: {
        fields: ['sensor'],
        headers: ['site'],
        static: { host: 'h1' },
        partition: true,
        topic: false,
        backslash: 'slash',
      },
      fields: { include: ['*'], exclude: ['debug_*'], strings: ['*'], types: { id: 'bigint' } },
      time: { field: 'ts', unit: 'ms' },
      flatten: { separator: '_' },
      transcode: false,
      gzip: true,
      timeout: '10s',
      tls: { verify: false },
    },
  },
})
