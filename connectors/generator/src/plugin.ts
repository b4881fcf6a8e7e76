import { type ConnectorPlugin, sourceConnector } from '@connect-run/core'
import { checkConfig } from './field-spec.ts'
import { type GeneratorConfig, generatorSchema } from './source-config.ts'
import { GeneratorSourceTask } from './source-task.ts'

const plugin: ConnectorPlugin = {
  name: 'generator',
  description: 'Made-up records by field specification, the same for the same seed.',
  source: sourceConnector<GeneratorConfig>({
    description: 'Makes records by field specification: numbers, choices, sequences, times, texts.',
    config: generatorSchema,
    create: (config) => new GeneratorSourceTask(config),
    check: checkConfig,
    streams: ({ stream }) => [stream],
  }),
}

export default plugin
