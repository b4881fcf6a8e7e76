import { type ConnectorPlugin, sinkConnector, sourceConnector } from '@connect-run/core'
import { type FileSourceConfig, checkSource, isStdin, sourceSchema, streamsOf } from './source/source-config.ts'
import { probeSource } from './source/probe.ts'
import { formats } from './source/formats.ts'
import { type FileSinkConfig, STDOUT, checkSink, sinkClaims, sinkSchema, sinkTraits } from './sink/sink-config.ts'
import { probeSink } from './sink/probe.ts'
import { FileSinkTask } from './sink/sink-task.ts'
import { StdoutSinkTask } from './sink/stdout-task.ts'
import { FileSourceTask } from './source/source-task.ts'
import { StdinSourceTask } from './source/stdin-task.ts'

const plugin: ConnectorPlugin = {
  name: 'file',
  description: 'Files, one record a line or element: followed, rotated, compressed, with positions that hold.',
  source: sourceConnector<FileSourceConfig>({
    description: 'Reads files record by record, follows what is appended to them, and goes along with their rotation.',
    config: sourceSchema,
    defaults: { value: 'string' },
    create: (config) => (isStdin(config) ? new StdinSourceTask(config, formats) : new FileSourceTask(config, formats)),
    check: checkSource,
    probe: (config, context) => probeSource(config, context),
    traits: (config) => (isStdin(config) ? { positions: 'none' } : {}),
    streams: streamsOf,
  }),
  sink: sinkConnector<FileSinkConfig>({
    description: 'Appends a line for each record; after a crash no line is there twice, or half.',
    config: sinkSchema,
    defaults: { value: 'string' },
    create: (config) => (config.path === STDOUT ? new StdoutSinkTask(config) : new FileSinkTask(config)),
    check: checkSink,
    probe: (config) => probeSink(config),
    traits: sinkTraits,
    claims: sinkClaims,
  }),
}

export default plugin
