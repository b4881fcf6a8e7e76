import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { BulkOperation } from './search-bulk.ts'

export interface StoredDocument {
  readonly id: string
  readonly version: number
  readonly seqNo: number
  readonly routing: string | undefined
  /** As it came; of a document that was updated, as the server writes it. */
  readonly source: string
}

/** What becomes of one operation. */
export type ItemOutcome =
  | {
      readonly id: string
      readonly status: number
      readonly result: 'created' | 'updated' | 'deleted' | 'noop' | 'not_found'
      readonly version: number
      readonly seqNo: number
    }
  | { readonly id: string | null; readonly status: number; readonly error: ItemError }

export interface ItemError {
  readonly type: string
  readonly reason: string
}

/** Documents of one index, with what is left of those that were deleted: their version. */
class SearchIndex {
  readonly definition: object
  readonly live = new Map<string, StoredDocument>()
  readonly #versions = new Map<string, number>()
  #seqNo = 0

  constructor(definition: object) {
    this.definition = definition
  }

  version(id: string): number | undefined {
    return this.#versions.get(id)
  }

  put(id: string, version: number, source: string, routing: string | undefined): ItemOutcome {
    const isNew = !this.live.has(id)
    const seqNo = this.#next(id, version)
    this.live.set(id, { id, version, seqNo, routing, source })
    return { id, status: isNew ? 201 : 200, result: isNew ? 'created' : 'updated', version, seqNo }
  }

  remove(id: string, version: number): ItemOutcome {
    const wasThere = this.live.delete(id)
    const seqNo = this.#next(id, version)
    return { id, status: wasThere ? 200 : 404, result: wasThere ? 'deleted' : 'not_found', version, seqNo }
  }

  #next(id: string, version: number): number {
    this.#versions.set(id, version)
    return this.#seqNo++
  }
}

export interface StoreOptions {
  /** Whether a write makes a missing index. */
  readonly autoCreate: boolean
  /** The type of the error for a document that is no JSON object. */
  readonly parsingError: string
}

/** The indices of a server. They take any JSON object: there are no mappings, aliases, pipelines and scripts. */
export class SearchStore {
  readonly #options: StoreOptions
  readonly #indices = new Map<string, SearchIndex>()

  constructor(options: StoreOptions) {
    this.#options = options
  }

  get names(): string[] {
    return [...this.#indices.keys()]
  }

  definition(name: string): object | undefined {
    return this.#indices.get(name)?.definition
  }

  /** undefined where there is no such index. */
  documents(name: string): ReadonlyMap<string, StoredDocument> | undefined {
    return this.#indices.get(name)?.live
  }

  create(name: string, definition: object): ItemError | undefined {
    if (this.#indices.has(name)) {
      return { type: 'resource_already_exists_exception', reason: `index [${name}] already exists` }
    }
    const error = nameError(name)
    if (error === undefined) this.#indices.set(name, new SearchIndex(definition))
    return error
  }

  delete(name: string): boolean {
    return this.#indices.delete(name)
  }

  apply(operation: BulkOperation): ItemOutcome {
    const id = operation.id ?? null
    const index = this.#indexOf(operation)
    if (!(index instanceof SearchIndex)) return { id, ...index }
    if (id === '') {
      const reason = 'if _id is specified it must not be empty'
      return { id, status: 400, error: { type: 'illegal_argument_exception', reason } }
    }
    const own = id ?? randomBytes(15).toString('base64url')
    if (operation.action === 'update') return update(index, own, operation)
    if (operation.action === 'delete')
      return withVersion(index, own, operation, (version) => index.remove(own, version))
    if (!isObject(operation.source!)) {
      return { id: own, status: 400, error: { type: this.#options.parsingError, reason: 'failed to parse' } }
    }
    if (operation.action === 'create' && index.live.has(own)) {
      const current = index.version(own)
      return { id, ...conflict(own, `document already exists (current version [${current}])`) }
    }
    const routing = operation.meta['routing'] as string | undefined
    return withVersion(index, own, operation, (version) => index.put(own, version, operation.source!, routing))
  }

  /** The index of an operation, which may come into being for it. */
  #indexOf({ action, index: name, meta }: BulkOperation): SearchIndex | { status: number; error: ItemError } {
    const existing = this.#indices.get(name)
    const missing = `no such index [${name}]`
    if (meta['require_alias'] === true) {
      return absent(`${missing} and [require_alias] request flag is [true] and [${name}] is not an alias`)
    }
    if (existing !== undefined) return existing
    if (!this.#options.autoCreate || (action === 'delete' && meta['version_type'] === undefined)) return absent(missing)
    const error = this.create(name, {})
    return error === undefined ? this.#indices.get(name)! : { status: 400, error }
  }
}

function absent(reason: string): { status: number; error: ItemError } {
  return { status: 404, error: { type: 'index_not_found_exception', reason } }
}

function nameError(name: string): ItemError | undefined {
  const rule = nameRule(name)
  if (rule === undefined) return undefined
  return { type: 'invalid_index_name_exception', reason: `Invalid index name [${name}], ${rule}` }
}

function nameRule(name: string): string | undefined {
  if (/^[-_+]/.test(name)) return "must not start with '_', '-', or '+'"
  if (name !== name.toLowerCase()) return 'must be lowercase'
  return /[\s"*\\<|,>/?#:]/.test(name) ? 'must not contain such a character' : undefined
}

function isObject(source: string): boolean {
  try {
    const value: unknown = JSON.parse(source)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

/** Writes with the next version, or with the one that was given if it is newer. */
function withVersion(
  index: SearchIndex,
  id: string,
  { meta }: BulkOperation,
  write: (version: number) => ItemOutcome,
): ItemOutcome {
  const current = index.version(id)
  if (meta['version_type'] === undefined) return write((current ?? 0) + 1)
  const given = Number(meta['version'])
  const mayEqual = meta['version_type'] === 'external_gte'
  if (current === undefined || given > current || (mayEqual && given === current)) return write(given)
  const relation = mayEqual ? 'higher than' : 'higher or equal to'
  return { id, ...conflict(id, `current version [${current}] is ${relation} the one provided [${given}]`) }
}

function conflict(id: string, reason: string): { status: number; error: ItemError } {
  const type = 'version_conflict_engine_exception'
  return { status: 409, error: { type, reason: `[${id}]: version conflict, ${reason}` } }
}

interface UpdateBody {
  readonly doc?: Tree
  readonly upsert?: Tree
  readonly doc_as_upsert?: boolean
  readonly script?: unknown
  readonly detect_noop?: boolean
}

type Tree = Readonly<Record<string, unknown>>

function update(index: SearchIndex, id: string, { source, meta }: BulkOperation): ItemOutcome {
  const { doc, upsert, doc_as_upsert: isUpsert, script, detect_noop: detect = true } = JSON.parse(source!) as UpdateBody
  const existing = index.live.get(id)
  const version = (index.version(id) ?? 0) + 1
  const routing = meta['routing'] as string | undefined
  const first = isUpsert ? doc : upsert
  if (existing === undefined && first !== undefined) return index.put(id, version, JSON.stringify(first), routing)
  if (existing === undefined) {
    return { id, status: 404, error: { type: 'document_missing_exception', reason: `[${id}]: document missing` } }
  }
  if (script !== undefined) {
    return { id, status: 400, error: { type: 'illegal_argument_exception', reason: 'failed to execute script' } }
  }
  const before = JSON.parse(existing.source) as Tree
  const after = merged(before, doc ?? {})
  if (detect && isDeepStrictEqual(before, after)) {
    return { id, status: 200, result: 'noop', version: existing.version, seqNo: existing.seqNo }
  }
  return index.put(id, version, JSON.stringify(after), existing.routing)
}

/** Objects are merged, anything else is replaced. */
function merged(before: Tree, changes: Tree): Tree {
  const result: Record<string, unknown> = { ...before }
  for (const [name, value] of Object.entries(changes)) {
    const old = before[name]
    result[name] = isTree(old) && isTree(value) ? merged(old, value) : value
  }
  return result
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
