import { setImmediate as nextTurn } from 'node:timers/promises'
import { ConnectError, PartialBatchError, type RecordBatch, type SinkContext, type SinkTask } from '@connect-run/core'
import { BulkWriter } from './bulk/bulk-writer.ts'
import { Flow } from './bulk/flow.ts'
import { IdGuard } from './bulk/id-guard.ts'
import { type ClusterClient, createClusterClient } from './cluster/cluster-client.ts'
import { rulesOf } from './error-map.ts'
import { IndexNames } from './operation/index-name.ts'
import { OperationEncoder, type Operations } from './operation/operations.ts'
import { probeCluster } from './probe.ts'
import { IndexSetup, type SchemaOf } from './resources/index-setup.ts'
import type { ElasticsearchSinkConfig } from './sink-config.ts'

/** What a started task works with. */
interface Started {
  readonly context: SinkContext<ElasticsearchSinkConfig>
  readonly client: ClusterClient
  readonly setup: IndexSetup
  readonly writer: BulkWriter
}

/** Writes documents by bulk requests, as a rule one for a batch. */
export class ElasticsearchSinkTask implements SinkTask<ElasticsearchSinkConfig> {
  readonly #config: ElasticsearchSinkConfig
  readonly #encoder: OperationEncoder
  readonly #names: IndexNames
  #client: ClusterClient | undefined
  #started: Started | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(config: ElasticsearchSinkConfig) {
    this.#config = config
    this.#encoder = new OperationEncoder(config)
    this.#names = new IndexNames(config)
  }

  async start(context: SinkContext<ElasticsearchSinkConfig>): Promise<void> {
    const { clock, logger, signal } = context
    const client = (this.#client ??= await createClusterClient(this.#config, logger, clock))
    await client.connect(signal)
    const setup = new IndexSetup({ client, logger, clock }, this.#config)
    await setup.start(signal)
    const parts = { client, clock, rules: rulesOf(this.#config), timeoutMs: this.#config.timeout }
    const writer = new BulkWriter({ ...parts, flow: new Flow(logger), guard: new IdGuard() })
    this.#started = { context, client, setup, writer }
  }

  async put(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    const { setup, writer } = this.#begun()
    await this.#ownTurn()
    const ops = this.#encoder.encode(batch)
    await setup.ensure(ops.indices, this.#schemasIn(batch, ops), signal)
    const failures = await writer.write(ops, signal)
    if (ops.failures.length + failures.length > 0) throw new PartialBatchError([...ops.failures, ...failures])
  }

  async probe(signal: AbortSignal): Promise<void> {
    const { client, context } = this.#begun()
    const { logger, clock, streams } = context
    await probeCluster({ client, logger, clock, streams, config: this.#config }, signal)
  }

  async stop(): Promise<void> {
    await this.#client?.close()
  }

  /** Batches that come together are encoded in one turn of the event loop each, so that none of them holds up the rest. */
  async #ownTurn(): Promise<void> {
    const turn = this.#turn
    this.#turn = turn.then(() => nextTurn())
    await turn
  }

  /** Looks for a record of an index that has a schema. */
  #schemasIn(batch: RecordBatch, { rows }: Operations): SchemaOf {
    return (index) => {
      const row = rows.find((each) => {
        const record = batch.at(each)
        return record.valueSchema !== undefined && this.#names.of(record) === index
      })
      return row === undefined ? undefined : batch.valueSchema(row)
    }
  }

  #begun(): Started {
    if (this.#started === undefined) throw new ConnectError('STOPPED', 'the sink is not started')
    return this.#started
  }
}
