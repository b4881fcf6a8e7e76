import { HttpFailure } from './http-exchange.ts'
import type { SearchStore } from './search-store.ts'

interface Manners {
  readonly headers: Readonly<Record<string, string>>
  readonly version: Readonly<Record<string, string>>
  readonly parsingError: string
}

const ELASTIC = { 'x-elastic-product': 'Elasticsearch' }

export type SearchProduct = 'opensearch' | 'elasticsearch7' | 'elasticsearch8'

/** In what the servers differ that it stands in for. */
export const SEARCH_PRODUCTS: Readonly<Record<SearchProduct, Manners>> = {
  opensearch: {
    headers: {},
    version: { distribution: 'opensearch', number: '2.19.1' },
    parsingError: 'mapper_parsing_exception',
  },
  elasticsearch7: { headers: ELASTIC, version: { number: '7.17.29' }, parsingError: 'mapper_parsing_exception' },
  elasticsearch8: { headers: ELASTIC, version: { number: '8.19.21' }, parsingError: 'document_parsing_exception' },
}

export interface Reply {
  readonly status: number
  /** Sent as JSON. */
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
}

/** Answers whatever is no bulk request. Throws an HttpFailure as a server would answer it. */
export type SearchPaths = (method: string, path: string, body: Buffer) => Reply

interface Cluster {
  readonly product: SearchProduct
  readonly store: SearchStore
  readonly contentLimitBytes: number
  /** `host:port` */
  readonly nodes: () => readonly string[]
}

interface Call {
  readonly method: string
  /** The parts of the path that stand for names. */
  readonly names: readonly string[]
  readonly body: Buffer
}

interface Route {
  readonly methods: readonly string[]
  readonly path: RegExp
  answer(call: Call): Reply
}

export function searchPaths(cluster: Cluster): SearchPaths {
  const routes = [...clusterRoutes(cluster), ...templateRoutes(), ...indexRoutes(cluster.store)]
  return (method, path, body) => {
    const found = routes.filter((route) => route.path.test(path))
    const route = found.find(({ methods }) => methods.includes(method))
    if (route !== undefined) {
      const [, ...names] = route.path.exec(path)!
      return route.answer({ method, names: names.map(decodeURIComponent), body })
    }
    if (found.length === 0)
      return { status: 400, body: { error: `no handler found for uri [${path}] and method [${method}]` } }
    const allowed = found.flatMap(({ methods }) => methods)
    const error = `Incorrect HTTP method for uri [${path}] and method [${method}], allowed: [${allowed.join(', ')}]`
    return { status: 405, body: { error, status: 405 }, headers: { allow: allowed.join(',') } }
  }
}

function clusterRoutes({ product, nodes, contentLimitBytes }: Cluster): Route[] {
  const about = { name: 'node-1', cluster_name: 'stand-in', version: SEARCH_PRODUCTS[product].version }
  const node = (address: string): object => ({
    roles: ['data', 'ingest'],
    http: { publish_address: address, max_content_length_in_bytes: contentLimitBytes },
  })
  return [
    { methods: ['GET', 'HEAD'], path: /^\/$/, answer: () => ({ status: 200, body: about }) },
    {
      methods: ['GET'],
      path: /^\/_nodes\/http$/,
      answer: () => ({
        status: 200,
        body: { nodes: Object.fromEntries(nodes().map((address, at) => [`node-${at + 1}`, node(address)])) },
      }),
    },
  ]
}

function templateRoutes(): Route[] {
  const templates = new Map<string, object>()
  const missing = (name: string, type: string): never => {
    throw new HttpFailure(404, type, `index template matching [${name}] not found`)
  }
  const path = /^\/_index_template\/([^/]+)$/
  return [
    {
      methods: ['PUT'],
      path,
      answer: ({ names: [name = ''], body }) => {
        templates.set(name, parsed(body))
        return ACKNOWLEDGED
      },
    },
    {
      methods: ['GET', 'HEAD'],
      path,
      answer: ({ names: [name = ''] }) => {
        const template = templates.get(name) ?? missing(name, 'resource_not_found_exception')
        return { status: 200, body: { index_templates: [{ name, index_template: template }] } }
      },
    },
    {
      methods: ['DELETE'],
      path,
      answer: ({ names: [name = ''] }) => {
        return templates.delete(name) ? ACKNOWLEDGED : missing(name, 'index_template_missing_exception')
      },
    },
  ]
}

function indexRoutes(store: SearchStore): Route[] {
  const path = /^\/([^_/][^/]*)$/
  return [
    {
      methods: ['PUT'],
      path,
      answer: ({ names: [name = ''], body }) => {
        const error = store.create(name, body.length === 0 ? {} : parsed(body))
        if (error !== undefined) throw new HttpFailure(400, error.type, error.reason)
        return { status: 200, body: { acknowledged: true, shards_acknowledged: true, index: name } }
      },
    },
    {
      methods: ['GET', 'HEAD'],
      path,
      answer: ({ names: [name = ''] }) => {
        const definition = store.definition(name) ?? absent(name)
        return { status: 200, body: { [name]: { aliases: {}, mappings: {}, settings: {}, ...definition } } }
      },
    },
    {
      methods: ['DELETE'],
      path,
      answer: ({ names: [name = ''] }) => (store.delete(name) ? ACKNOWLEDGED : absent(name)),
    },
    {
      methods: ['GET', 'POST'],
      path: /^\/([^_/][^/]*)\/_count$/,
      answer: ({ names: [name = ''] }) => {
        const { size } = store.documents(name) ?? absent(name)
        return { status: 200, body: { count: size, _shards: { total: 1, successful: 1, skipped: 0, failed: 0 } } }
      },
    },
  ]
}

const ACKNOWLEDGED: Reply = { status: 200, body: { acknowledged: true } }

function absent(name: string): never {
  throw new HttpFailure(404, 'index_not_found_exception', `no such index [${name}]`)
}

function parsed(body: Buffer): object {
  try {
    return JSON.parse(body.toString()) as object
  } catch (error) {
    throw new HttpFailure(400, 'parse_exception', (error as Error).message)
  }
}
