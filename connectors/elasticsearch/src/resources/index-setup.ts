import { ConnectError, type Schema } from '@connect-run/core'
import type { ElasticsearchSinkConfig } from '../sink-config.ts'
import type { NodeResponse } from '../cluster/cluster-client.ts'
import { ensureDataStream } from './data-stream.ts'
import { putTemplate, templateBody } from './index-template.ts'
import { type Mapping, mappingOf } from './mapping.ts'
import { type Resources, ask, assertDone, isThere } from './resource-request.ts'

/** As many names are remembered as exist; a longer list starts to forget those it learned first. */
export const MOST_KNOWN = 10_000

export type SetupConfig = Pick<
  ElasticsearchSinkConfig,
  'autoCreate' | 'requireAlias' | 'dataStream' | 'mappings' | 'decimals'
>

/** The schema of some record that is about to be written to an index; undefined where none has one. */
export type SchemaOf = (index: string) => Schema | undefined

/**
 * Sees to it that what is written to exists. The servers make indices themselves, so nothing is asked of them unless the
 * config wants to know (`autoCreate: false`) or knows better (`mappings`, `dataStream`).
 *
 * A name is looked up once. An index that is deleted later is the server's to make again, by its own lights.
 */
export class IndexSetup {
  readonly #resources: Resources
  readonly #config: SetupConfig
  readonly #looks: boolean
  readonly #known = new Set<string>()

  constructor(resources: Resources, config: SetupConfig) {
    this.#resources = resources
    this.#config = config
    const { autoCreate, dataStream, mappings } = config
    this.#looks = !autoCreate || dataStream !== undefined || mappings?.fromSchema === true
  }

  /** Puts the index template in place. Called once, before anything is written. */
  async start(signal: AbortSignal): Promise<void> {
    const { mappings, dataStream } = this.#config
    if (mappings?.template === undefined) return
    const { template } = mappings
    const body = templateBody(template, dataStream !== undefined)
    await putTemplate(this.#resources, { name: template.name, body }, signal)
  }

  /**
   * Called before a batch is sent, also by several at once. Throws a `ConnectError` for what must exist and does not, and
   * a `RetriableError` where the server can't say.
   */
  async ensure(indices: readonly string[], schemaOf: SchemaOf, signal: AbortSignal): Promise<void> {
    if (!this.#looks) return
    for (const index of indices) {
      if (this.#known.has(index)) continue
      if (await this.#ensureOne(index, schemaOf(index), signal)) this.#remember(index)
    }
  }

  /** Whether it is there for good. */
  async #ensureOne(index: string, schema: Schema | undefined, signal: AbortSignal): Promise<boolean> {
    const { autoCreate, requireAlias, dataStream, mappings, decimals } = this.#config
    const mapping = mappings?.fromSchema === true && schema !== undefined ? mappingOf(schema, decimals) : undefined
    if (dataStream !== undefined) {
      await ensureDataStream(this.#resources, { name: index, isCreated: autoCreate, mapping }, signal)
      return true
    }
    const isCreated = autoCreate && !requireAlias
    // Nothing to say about it yet: the first record with a schema may have.
    if (isCreated && mapping === undefined) return false
    const found = await ask(this.#resources, 'HEAD', { path: [index], signal })
    if (found.status === 404 && isCreated) await this.#create(index, mapping!, signal)
    else this.#assertFound(index, found)
    return true
  }

  #assertFound(index: string, found: NodeResponse): void {
    if (found.status === 404) {
      throw new ConnectError('NOT_FOUND', `${found.address} has no index or alias \`${index}\`, and none may be made`, {
        hint: 'Create it, correct `index`, or let it be made: `autoCreate: true`, and no `requireAlias`.',
      })
    }
    if (found.status === 403) {
      throw new ConnectError('AUTH_FAILED', `${found.address} does not let the index \`${index}\` be looked up`, {
        hint: 'Grant the privilege `view_index_metadata` on it: `autoCreate: false` and `mappings.fromSchema` need it.',
      })
    }
    assertDone(found, this.#resources, `the index \`${index}\` can't be looked up`)
  }

  async #create(index: string, mappings: Mapping, signal: AbortSignal): Promise<void> {
    const created = await ask(this.#resources, 'PUT', { path: [index], json: { mappings }, signal })
    if (!isThere(created)) assertDone(created, this.#resources, `the index \`${index}\` can't be created`)
  }

  #remember(index: string): void {
    this.#known.add(index)
    if (this.#known.size <= MOST_KNOWN) return
    for (const oldest of this.#known) {
      this.#known.delete(oldest)
      return
    }
  }
}
