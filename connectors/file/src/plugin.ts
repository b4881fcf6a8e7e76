import { type ConnectorPlugin, sourceConnector } from '@connect-run/core'
import { type FileSourceConfig, checkSource, isStdin, sourceSchema, streamsOf } from './source/source-config.ts'
import { formats } from './source/formats.ts'
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
    streams: streamsOf,
  }),
}

export default plugin
