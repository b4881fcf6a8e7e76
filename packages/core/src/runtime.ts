/** The engine, for the command line, the test kit and embedding. A connector imports `@connect-run/core` only. */
export { packSourceRecords } from './records/batch-builder.ts'
export { bytesCodec, endConverters, type Codec, type EndConverters } from './records/codec.ts'
export type * from './config/pipeline-config.ts'
export { type Explanation, explainPipeline } from './config/explain.ts'
export { type Guarantee, type GuaranteeLevel, guaranteeOf } from './config/guarantee.ts'
export {
  type RedisStateConfig,
  type StateConfig,
  type StateDurability,
  type StateLogin,
  stateLocation,
} from './config/state-config.ts'
export { type LedgerEntry, isLedgerEntry, mergeLedger } from './state/ledger-entry.ts'
export { type Tally, addTally, emptyTally, settledIn } from './offsets/tally.ts'
export { type Owner, startOf, thisProcess } from './state/owner.ts'
export { isPartitionPosition, mergePositions } from './state/positions.ts'
export type { StateChanges, StateStore, StoredState, TaskState } from './state/state-store.ts'
export type { Ledger, PipelineSnapshot, PipelineState, WorkerResult } from './worker/snapshot.ts'
export { converters, type ConverterFactory } from './converters/index.ts'
export { Decimal } from './converters/decimal.ts'
export type { ParkedFate, ParkedRecord, ParkingLot, ParkingRequest, ParkingSpace } from './delivery/parking.ts'
export { backoffMs } from './delivery/backoff.ts'
export type { BreakerState } from './delivery/breaker.ts'
export { openStateStore } from './state/open.ts'
export { createLogger, type LogLevel, type LoggerOptions, type RootLogger } from './telemetry/logger.ts'
export { type MetricDefinition, type MetricName, metricDefinitions } from './telemetry/metric-names.ts'
export { type Labels, type Metrics, type ReadableMetrics, createMetrics, noMetrics } from './telemetry/metrics.ts'
export { rateLimited } from './telemetry/rate-limited.ts'
export { transforms } from './transforms/index.ts'
export { CRASH_POINTS, type CrashPoint } from './crash-points.ts'
export { systemClock } from './worker/clock.ts'
export type { CodeFrame, FrameLine } from './config/code-frame.ts'
export type { Diagnostic } from './config/diagnostic.ts'
export { editorSchema } from './config/editor-schema.ts'
export type { Issue } from './config/issue.ts'
export type { ConfigWarning } from './config/literal-secrets.ts'
export { type LoadedConfig, type LoadOptions, type LoadResult, loadWorkerConfig } from './config/load-file.ts'
export { looksLikeConfig } from './config/looks-like-config.ts'
export { didYouMean, listOf } from './config/suggest.ts'
export { parseDuration } from './config/units.ts'
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
export { type DeadLetter, attemptsOf, placeText } from './dead-letters/letter.ts'
export { type JournalPlace, type ReplayJournal, type SharedJournals, newChunk } from './dead-letters/journal.ts'
export { fileJournal } from './dead-letters/file-journal.ts'
export { type FailedAgain, type LetterMarks, Marks, type OpenChunk, type Outcome } from './dead-letters/marks.ts'
export { type OpenedQueue, openDeadLetterQueue } from './dead-letters/open-queue.ts'
export { type PurgeResult, purgeFile } from './dead-letters/purge.ts'
export type { DeadLetterQueue } from './dead-letters/queue.ts'
export { type ReplayChunk, type ReplayPlan, planReplay, replayChunks } from './dead-letters/replay-plan.ts'
export { type ChunkResult, Replayer, type ReplayStage, replayStages } from './dead-letters/replayer.ts'
export { type Selection, codeOf, isSelected, reasonOf, stageOf } from './dead-letters/selection.ts'
export { type LetterGroup, type QueueSummary, causeOf, summarize } from './dead-letters/summary.ts'
