import { type ConnectorPlugin, sinkConnector } from '@connect-run/core'
import { hasUserTime } from './mapping.ts'
import { probeSink } from './probe.ts'
import { checkSink } from './sink-check.ts'
import { type CnosdbSinkConfig, cnosdbSinkSchema } from './sink-config.ts'
import { CnosdbSinkTask } from './sink-task.ts'

const plugin: ConnectorPlugin = {
  name: 'cnosdb',
  description: 'CnosDB, InfluxDB 1.x and VictoriaMetrics, by line protocol over HTTP.',
  sink: sinkConnector<CnosdbSinkConfig>({
    description: 'Writes JSON objects as points; a record that is written again replaces itself.',
    config: cnosdbSinkSchema,
    check: checkSink,
    probe: probeSink,
    create: (config) => new CnosdbSinkTask(config),
    traits: (config) => ({
      // Where the time is the user's, the last write to it wins.
      ordered: hasUserTime(config),
      idempotent: true,
      reads: 'source',
      tombstones: 'skip',
      // Enough on the way to a server that answers after 20 ms, and no batch that takes 10 ms to make.
      concurrency: 8,
      batch: { maxRecords: 5000, maxBytes: 1024 * 1024 },
    }),
  }),
}

export default plugin
