/** The engine, for the command line, the test kit and embedding. A connector imports `@connect-run/core` only. */
export { packSourceRecords } from './records/batch-builder.ts'
export { bytesCodec, endConverters, type Codec, type EndConverters } from './records/codec.ts'
export type * from './config/pipeline-config.ts'
export type { StateStore, TaskState } from './state/state-store.ts'
export type { Ledger, PipelineSnapshot, PipelineState, WorkerResult } from './worker/snapshot.ts'
