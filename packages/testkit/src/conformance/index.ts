/**
 * What a connector's tests import, in jest only. One driver for each end says how to get at the other side:
 *
 * ```ts
 * describePlugin(plugin, { valid: { sink: { url: 'http://127.0.0.1:1', table: 'readings' } } })
 * describeSink('readings', {
 *   plugin,
 *   options: () => makeEmptyDestination(),
 *   record: (n) => ({ value: { n } }),
 *   read: (options) => numbersAt(options),
 *   skip: { 'writes a large batch': 'the free tier takes 500 rows' },
 * })
 * ```
 */
export { type Check, type Skipped } from './check.ts'
export {
  type FakeClock,
  type LogEntry,
  type OwnershipCall,
  type RecordingLogger,
  type TestContext,
  type TestContextOptions,
  fakeClock,
  recordingLogger,
  testContext,
} from './context.ts'
export { type ConverterDriver, converterChecks, describeConverter } from './converter-checks.ts'
export { type ResourceWatch, watchResources } from './open-resources.ts'
export { type PluginDriver, describePlugin, pluginChecks } from './plugin-checks.ts'
export { describeSink, sinkChecks } from './sink-checks.ts'
export { type SinkDriver, type SinkSeed } from './sink-driver.ts'
export { describeSource, sourceChecks } from './source-checks.ts'
export { type SeedRecord, type SourceDriver } from './source-driver.ts'
export {
  type StateStoreDriver,
  type StoresOfOnePlace,
  describeStateStore,
  stateStoreChecks,
} from './state-store-checks.ts'
export { type Options } from './validated.ts'
