/** A document as a search answers it. */
export interface SearchDocument {
  readonly index: string
  readonly id: string
  readonly version: number
  readonly seqNo: number
  readonly routing: string | undefined
  readonly source: Readonly<Record<string, unknown>>
}

/** What tests do with a search server, whichever of the three it is. What it refuses is thrown, with its own text. */
export interface SearchApi {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /**
   * Sends `body`, an object as JSON and a text as it is (lines of a bulk request, which end with a newline), and returns
   * what the JSON of the answer holds; undefined where the answer has no body. Integers over 2^53 lose digits: see `text`.
   */
  request<T = unknown>(method: string, path: string, body?: object | string): Promise<T>
  /** The same with the answer as the server wrote it. */
  text(method: string, path: string, body?: object | string): Promise<string>
  /** Sends lines of a bulk request, and refreshes. Throws if the server refuses one, with what it said of the first. */
  bulk(lines: readonly object[]): Promise<void>
  /** How many documents an index, an alias or a data stream has now: it is refreshed first. */
  count(index: string): Promise<number>
  /** All documents of an index that match `query` (default all), in no order. The index is refreshed first. */
  documents(index: string, query?: object): Promise<SearchDocument[]>
  /** `definition` has `settings`, `mappings` and `aliases`. Default: one shard, no replica. */
  createIndex(name: string, definition?: object): Promise<void>
  /** Nothing happens where there is none. Not for data streams. */
  deleteIndex(name: string): Promise<void>
}

/** The search server at `url`. */
export function searchAt(url: string): SearchApi {
  const text: SearchApi['text'] = async (method, path, body) => {
    const answer = await fetch(`${url}${path}`, { method, ...contentOf(body) })
    const said = await answer.text()
    if (!answer.ok) throw new Error(`${url} answered ${answer.status} to ${method} ${path}: ${said.trim()}`)
    return said
  }
  const request: SearchApi['request'] = async <T>(...args: Parameters<SearchApi['request']>): Promise<T> => {
    const said = await text(...args)
    return (said === '' ? undefined : JSON.parse(said)) as T
  }
  const refresh = (index: string): Promise<unknown> => request('POST', `/${index}/_refresh`)
  return {
    url,
    request,
    text,
    bulk: async (lines) => {
      const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
      const { errors, items } = await request<BulkAnswer>('POST', '/_bulk?refresh=true', body)
      if (errors) throw new Error(`${url} refused: ${JSON.stringify(items.find(isRefused))}`)
    },
    count: async (index) => {
      await refresh(index)
      return (await request<{ readonly count: number }>('GET', `/${index}/_count`)).count
    },
    documents: async (index, query = { match_all: {} }) => {
      await refresh(index)
      return scroll(request, index, query)
    },
    createIndex: async (name, definition = { settings: { number_of_shards: 1, number_of_replicas: 0 } }) =>
      void (await request('PUT', `/${name}`, definition)),
    deleteIndex: async (name) => void (await request('DELETE', `/${name}?ignore_unavailable=true`)),
  }
}

function contentOf(body: object | string | undefined): { body?: string; headers?: Record<string, string> } {
  if (body === undefined) return {}
  if (typeof body === 'string') return { body, headers: { 'content-type': 'application/x-ndjson' } }
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}

interface BulkAnswer {
  readonly errors: boolean
  readonly items: readonly Readonly<Record<string, { readonly error?: unknown }>>[]
}

function isRefused(item: BulkAnswer['items'][number]): boolean {
  return Object.values(item).some(({ error }) => error !== undefined)
}

interface SearchAnswer {
  readonly _scroll_id: string
  readonly hits: { readonly hits: readonly Hit[] }
}

interface Hit {
  readonly _index: string
  readonly _id: string
  readonly _version: number
  readonly _seq_no: number
  readonly _routing?: string
  readonly _source: Readonly<Record<string, unknown>>
}

const PAGE = 10_000

async function scroll(request: SearchApi['request'], index: string, query: object): Promise<SearchDocument[]> {
  const search = { size: PAGE, sort: ['_doc'], version: true, seq_no_primary_term: true, query }
  const documents: SearchDocument[] = []
  let page = await request<SearchAnswer>('POST', `/${index}/_search?scroll=1m`, search)
  while (page.hits.hits.length > 0) {
    for (const hit of page.hits.hits) documents.push(documentOf(hit))
    page = await request<SearchAnswer>('POST', '/_search/scroll', { scroll: '1m', scroll_id: page._scroll_id })
  }
  await request('DELETE', '/_search/scroll', { scroll_id: page._scroll_id })
  return documents
}

function documentOf(hit: Hit): SearchDocument {
  const { _index: index, _id: id, _version: version, _seq_no: seqNo, _routing: routing, _source: source } = hit
  return { index, id, version, seqNo, routing, source }
}
