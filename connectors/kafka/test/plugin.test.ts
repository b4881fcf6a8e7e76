import { execFileSync } from 'node:child_process'
import { describe, expect, it } from '@jest/globals'
import { describePlugin } from '@connect-run/testkit/conformance'
import { validateOptions } from '@connect-run/core/runtime'
import plugin from '../src/plugin.ts'

describePlugin(plugin, {
  valid: {
    source: {
      brokers: ['127.0.0.1:9092'],
      topics: ['oceanic'],
      groupId: 'readers',
      instanceId: 'reader-1',
      clientId: 'reader',
      connectTimeout: '3s',
      startAt: '2026-01-31T00:00:00Z',
      endAt: { oceanic: { '0': 5000 } },
      onMissingOffset: 'fail',
      isolation: 'read_uncommitted',
      tls: { ca: '/etc/ca.pem', cert: '/etc/cert.pem', key: '/etc/key.pem', keyPassword: 'p', verify: false },
      auth: { mechanism: 'scram-sha-256', username: 'u', password: 'p' },
      properties: { 'session.timeout.ms': 30000 },
    },
    sink: {
      brokers: '127.0.0.1:9092',
      topic: 'copy-${topic}-${value.region}',
      compression: 'zstd',
      partitioner: 'murmur2',
      linger: '20ms',
      maxRequestSize: '2MiB',
      deliveryTimeout: '1m',
      createTopic: { partitions: 4, replicationFactor: 3, config: { 'retention.ms': 1000 } },
    },
  },
})

describe('the plugin', () => {
  it('loads no client library before a task starts', () => {
    const plugged = JSON.stringify(new URL('../dist/plugin.js', import.meta.url).href)
    const program = `import(${plugged}).then(() => console.log(process.report.getReport().sharedObjects.join()))`
    const loaded = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' })
    expect(loaded).toContain('libc')
    expect(loaded).not.toContain('rdkafka')
  })
})

describe('dead letters beside an end of this connector', () => {
  it('go to the same cluster, without the settings that only concern that end', () => {
    const end = {
      connector: 'kafka',
      brokers: 'b:9092',
      topics: ['t'],
      groupId: 'g',
      tls: { ca: '/ca.pem' },
      auth: { mechanism: 'plain', username: 'u', password: 'p' },
      properties: { 'fetch.min.bytes': 1, 'ssl.cipher.suites': 'x', 'socket.timeout.ms': 5000 },
    }
    expect(plugin.deadLetterSink!(end, 't.dlq')).toEqual({
      brokers: 'b:9092',
      tls: { ca: '/ca.pem' },
      auth: { mechanism: 'plain', username: 'u', password: 'p' },
      properties: { 'ssl.cipher.suites': 'x', 'socket.timeout.ms': 5000 },
      topic: 't.dlq',
      createTopic: { partitions: 1 },
    })
  })

  it('are read back from the first on by a group of their own, that leaves no member behind', () => {
    const end = {
      brokers: 'b:9092',
      connectTimeout: '5s',
      tls: {},
      groupId: 'g',
      properties: { 'socket.timeout.ms': 1 },
    }
    const sink = plugin.deadLetterSink!(end, 't.dlq')
    const options = plugin.deadLetterSource!(sink, 'reader-1')
    expect(options).toEqual({
      brokers: 'b:9092',
      connectTimeout: '5s',
      tls: {},
      properties: { 'socket.timeout.ms': 1 },
      topics: ['t.dlq'],
      groupId: 'reader-1',
      instanceId: '',
    })
    const { config } = validateOptions(plugin.source!.config, options)
    expect(config).toMatchObject({ startAt: 'earliest', isolation: 'read_committed' })
  })

  it('can not be read back where the topic of each depends on it', () => {
    expect(plugin.deadLetterSource!({ brokers: 'b:9092', topic: '${topic}.dlq' }, 'r')).toBeUndefined()
  })
})
