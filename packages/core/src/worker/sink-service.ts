import type { SinkTraits } from '../api/sink-task.ts'
import type { Latency } from '../api/task-context.ts'
import type { PipelineConfig } from '../config/pipeline-config.ts'
import type { BatchLimits } from '../pipeline/batcher.ts'
import { type Prepared, recordPipeline } from '../pipeline/record-pipeline.ts'
import { endConverters } from '../records/codec.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { sinkTraits } from './open-ends.ts'

const BATCH = { maxRecords: 5000, maxBytes: 4 * 1024 * 1024 }
/** How long the first record of a batch waits for company, in milliseconds. */
const LINGER_MS: Readonly<Record<Latency, number>> = { low: 1, balanced: 25, throughput: 200 }

export interface SinkService {
  readonly prepare: (polled: RecordBatch) => Prepared
  readonly batch: BatchLimits
  readonly ordered: boolean
  readonly concurrency: number
}

/** How the sink is served: by its traits, where the user says nothing else. */
export function sinkService({ source, sink, transforms, latency }: PipelineConfig): SinkService {
  const traits: SinkTraits = sinkTraits(sink)
  const codec = { key: endConverters(source.key, sink.key), value: endConverters(source.value, sink.value) }
  return {
    prepare: recordPipeline({ codec, transforms, traits }),
    batch: { ...BATCH, lingerMs: LINGER_MS[latency], ...traits.batch, ...sink.batch },
    ordered: traits.ordered ?? false,
    concurrency: sink.concurrency ?? traits.concurrency ?? 1,
  }
}
