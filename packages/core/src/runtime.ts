/** The engine, for the command line, the test kit and embedding. A connector imports `@connect-run/core` only. */
export { packSourceRecords } from './records/batch-builder.ts'
export { bytesCodec, endConverters, type Codec, type EndConverters } from './records/codec.ts'
export type * from './config/pipeline-config.ts'
export type { StateStore, TaskState } from './state/state-store.ts'
export type { Ledger, PipelineSnapshot, PipelineState, WorkerResult } from './worker/snapshot.ts'
export { converters, type ConverterFactory } from './converters/index.ts'
export { Decimal } from './converters/decimal.ts'
export { openStateStore } from './state/open.ts'
export { createLogger, type LogLevel, type LoggerOptions, type RootLogger } from './telemetry/logger.ts'
export { type MetricDefinition, type MetricName, metricDefinitions } from './telemetry/metric-names.ts'
export { type Labels, type Metrics, type ReadableMetrics, createMetrics, noMetrics } from './telemetry/metrics.ts'
export { rateLimited } from './telemetry/rate-limited.ts'
export { transforms } from './transforms/index.ts'
export { systemClock } from './worker/clock.ts'
export type { CodeFrame, FrameLine } from './config/code-frame.ts'
export type { Diagnostic } from './config/diagnostic.ts'
export { editorSchema } from './config/editor-schema.ts'
export type { Issue } from './config/issue.ts'
export type { ConfigWarning } from './config/literal-secrets.ts'
export { type LoadOptions, type LoadResult, loadWorkerConfig } from './config/load-file.ts'
export { looksLikeConfig } from './config/looks-like-config.ts'
export { didYouMean, listOf } from './config/suggest.ts'
export { type Validated, validateOptions } from './config/validate.ts'
export { type Builtins, builtins } from './plugins/builtins.ts'
export { type ConnectorRegistry, createRegistry, registryOf } from './plugins/registry.ts'
export {
  type ConnectorManifest,
  scanConnectors,
  type ScanOptions,
  type ScanProblem,
  type ScanResult,
} from './plugins/scan.ts'
export { type Worker, type WorkerOptions, createWorker } from './worker/worker.ts'
export type { PipelineFailure } from './worker/snapshot.ts'
