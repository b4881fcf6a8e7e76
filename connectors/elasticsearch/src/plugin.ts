import { type ConnectorPlugin, sinkConnector } from '@connect-run/core'
import { probeSink } from './probe-sink.ts'
import { checkSink } from './sink-check.ts'
import { type ElasticsearchSinkConfig, elasticsearchSinkSchema } from './sink-config.ts'
import { ElasticsearchSinkTask } from './sink-task.ts'
import { sinkTraits } from './sink-traits.ts'

const plugin: ConnectorPlugin = {
  name: 'elasticsearch',
  description: 'Elasticsearch 7.17 and 8 and OpenSearch 2, by their bulk interface.',
  sink: sinkConnector<ElasticsearchSinkConfig>({
    description: 'Writes JSON objects as documents, each answer judged on its own.',
    config: elasticsearchSinkSchema,
    check: checkSink,
    probe: probeSink,
    create: (config) => new ElasticsearchSinkTask(config),
    traits: sinkTraits,
  }),
}

export default plugin
