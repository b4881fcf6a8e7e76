import type { ObjectSchema } from '../../src/api/config-schema.ts'
import { type ConnectorPlugin, sinkConnector, sourceConnector } from '../../src/api/connector.ts'
import type { Diagnostic } from '../../src/config/diagnostic.ts'
import { loadWorkerConfig, type LoadOptions, type LoadResult } from '../../src/config/load-file.ts'
import type { PipelineConfig, WorkerConfig } from '../../src/config/pipeline-config.ts'
import { type ConnectorRegistry, registryOf } from '../../src/plugins/registry.ts'

export interface FakeConfig {
  readonly brokers: string
  readonly topics: readonly string[]
  readonly timeout: number
  readonly size: number
  readonly count: number
  readonly check: boolean
  readonly password?: string
  readonly tls?: { readonly keyPassword?: string; readonly verify: boolean }
  readonly start?: string | number
  readonly mode?: string
}

const schema: ObjectSchema<FakeConfig> = {
  type: 'object',
  required: ['brokers'],
  properties: {
    brokers: { type: 'string', minLength: 1, description: 'Where to connect.', examples: ['127.0.0.1:9092'] },
    topics: { type: 'array', items: { type: 'string', minLength: 1 }, default: [], description: 'What to read.' },
    timeout: { type: 'string', format: 'duration', default: '5s', description: 'How long to wait.' },
    size: { type: 'string', format: 'size', default: '1MiB', description: 'How much.' },
    count: { type: 'integer', minimum: 1, maximum: 100, default: 10, description: 'How many.' },
    check: { type: 'boolean', default: false, description: 'Whether.' },
    password: { type: 'string', secret: true, description: 'A secret.' },
    tls: {
      type: 'object',
      description: 'TLS.',
      properties: {
        keyPassword: { type: 'string', secret: true, description: 'A secret.' },
        verify: { type: 'boolean', default: true, description: 'Whether to verify.' },
      },
    },
    start: {
      description: 'Where to start.',
      anyOf: [{ type: 'string', enum: ['earliest', 'latest'] }, { type: 'integer' }],
    },
    mode: { type: 'string', enum: ['fast', 'safe'], description: 'How.' },
  },
  allOf: [
    {
      if: { properties: { mode: { const: 'safe' } }, required: ['mode'] },
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
      then: { required: ['password'] },
      errorMessage: '`mode: safe` needs a password',
    },
  ],
}

const never = (): never => {
  throw new Error('nothing is created while a config is checked')
}

export const fake: ConnectorPlugin = {
  name: 'fake',
  description: 'For tests.',
  source: sourceConnector<FakeConfig>({
    description: 'Reads.',
    config: schema,
    create: never,
    streams: (config) => config.topics,
    check: (config) =>
      config.brokers.includes(',,')
        ? [{ path: ['brokers'], message: `empty broker in ${config.brokers}`, hint: `Password: ${config.password}.` }]
        : [],
  }),
  sink: sinkConnector<FakeConfig>({ description: 'Writes.', config: schema, create: never }),
  deadLetterSink: (end, topic) => ({ brokers: end['brokers'], topics: [topic] }),
}

export const sinkOnly: ConnectorPlugin = {
  name: 'store',
  description: 'For tests.',
  sink: sinkConnector<{ readonly url: string }>({
    description: 'Writes.',
    config: {
      type: 'object',
      required: ['url'],
      properties: { url: { type: 'string', format: 'url', description: 'Where to write.' } },
    },
    create: never,
    claims: ({ url }) => (url.includes('/only/') ? [url] : []),
  }),
}

export const sourceOnly: ConnectorPlugin = {
  name: 'reader',
  description: 'For tests.',
  source: sourceConnector<object>({
    description: 'Reads.',
    config: { type: 'object', properties: {} },
    create: never,
  }),
}

export const fixtureRegistry: ConnectorRegistry = registryOf([fake, sinkOnly, sourceOnly])

/** Loads a text as if it were `/etc/app/app.yaml`. */
export function load(
  text: string,
  env: LoadOptions['env'] = {},
  files: Record<string, string> = {},
): Promise<LoadResult> {
  return loadWorkerConfig('/etc/app/app.yaml', {
    env,
    findConnectors: () => ({ registry: fixtureRegistry, problems: [] }),
    readFile: (path) => {
      const content = path === '/etc/app/app.yaml' ? text : files[path]
      if (content === undefined) throw Object.assign(new Error(`secret reason for ${path}`), { code: 'ENOENT' })
      return content
    },
  })
}

export async function loadConfig(text: string, env: LoadOptions['env'] = {}, files = {}): Promise<WorkerConfig> {
  const { config, diagnostics } = await load(text, env, files)
  if (config === undefined) throw new Error(diagnostics.map((d) => `${d.line}:${d.column} ${d.message}`).join('\n'))
  return config
}

export async function loadPipeline(text: string, env: LoadOptions['env'] = {}, files = {}): Promise<PipelineConfig> {
  return (await loadConfig(text, env, files)).pipelines[0]!
}

export async function diagnosticsOf(
  text: string,
  env: LoadOptions['env'] = {},
  files = {},
): Promise<readonly Diagnostic[]> {
  return (await load(text, env, files)).diagnostics ?? []
}

/** A file with one pipeline; `source` and `sink` are lines of YAML. */
export function pipelineOf(source: string, rest = ''): string {
  const lines = source
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n')
  return `name: app
pipelines:
  main:
    source:
      connector: fake
${lines}
    sink:
      connector: fake
      brokers: b:9092
${rest}`
}
