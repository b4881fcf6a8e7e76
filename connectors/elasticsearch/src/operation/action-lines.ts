import type { ConnectRecord } from '@connect-run/core'
import { parseTemplate, partText } from '@connect-run/core'
import { DEFAULT_RETRY_ON_CONFLICT, type ElasticsearchSinkConfig } from '../sink-config.ts'
import { type DocumentIds, compileId } from './document-id.ts'
import type { IndexNames } from './index-name.ts'
import type { Action } from './operations.ts'
import { invalid } from './refusals.ts'
import { type Versions, compileVersion } from './version.ts'

export interface ActionLine {
  readonly index: string
  /** Undefined where the server makes it. */
  readonly id: string | undefined
  readonly text: string
}

/**
 * The first line of each operation. The servers take its members by these names: `routing`, `version` and
 * `version_type` without the underscore that `_index` and `_id` have; any other name fails the whole request.
 */
export class ActionLines {
  readonly #config: ElasticsearchSinkConfig
  readonly #names: IndexNames
  readonly #ids: DocumentIds
  readonly #versions: Versions
  readonly #routing: ((record: ConnectRecord) => string) | undefined
  #prefix = ''
  #prefixIndex: string | undefined
  #prefixAction: Action | undefined

  constructor(config: ElasticsearchSinkConfig, names: IndexNames) {
    this.#config = config
    this.#names = names
    this.#ids = compileId(config.id)
    this.#versions = compileVersion(config.version)
    this.#routing = config.routing === undefined ? undefined : compileRouting(config.routing)
  }

  /** Throws a `RecordError` where the record lacks what the line needs. */
  of(action: Action, record: ConnectRecord): ActionLine {
    const index = this.#names.of(record)
    if (index !== this.#prefixIndex || action !== this.#prefixAction) {
      this.#prefix = this.#prefixWith(action, index)
      this.#prefixIndex = index
      this.#prefixAction = action
    }
    const id = this.#ids(record)
    const idText = id === undefined ? '' : `,"_id":${JSON.stringify(id)}`
    const routing = this.#routing === undefined ? '' : `,"routing":${JSON.stringify(this.#routing(record))}`
    return { index, id, text: `${this.#prefix}${idText}${this.#versions(record)}${routing}}}\n` }
  }

  /** What lines of the action begin with, by index: all that is the same for its documents. */
  prefixOf(action: Action): (index: string) => string {
    return (index) => this.#prefixWith(action, index)
  }

  #prefixWith(action: Action, index: string): string {
    const { pipeline, requireAlias, update } = this.#config
    const members: Record<string, unknown> = { _index: index }
    if (requireAlias) members['require_alias'] = true
    if (pipeline !== undefined && (action === 'index' || action === 'create')) members['pipeline'] = pipeline
    if (action === 'update') members['retry_on_conflict'] = update?.retryOnConflict ?? DEFAULT_RETRY_ON_CONFLICT
    return `{"${action}":${JSON.stringify(members).slice(0, -1)}`
  }
}

function compileRouting(template: string): (record: ConnectRecord) => string {
  const parts = parseTemplate(template)
  return (record) => {
    let text = ''
    for (const part of parts) text += partText(part, record, 'routing')
    if (text === '') throw invalid('the routing value is empty')
    return text
  }
}
