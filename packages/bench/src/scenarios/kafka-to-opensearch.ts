import { startSearch } from '@connect-run/testkit/services'
import type { Ends, Pipeline, Way } from '../connect-run.ts'
import { indexDestination } from '../index-destination.ts'
import { kcatReader } from '../kcat.ts'
import { loadTopic } from '../load-topic.ts'
import { processUsage } from '../process-usage.ts'
import type { Scenario } from '../scenario.ts'
import type { Course } from '../turns.ts'
import { isPlain } from '../variant.ts'

/** Every message a document of one index. The server takes many times the CPU that moving costs: fewer records. */
export const kafkaToOpenSearch: Scenario = {
  title: 'Kafka -> OpenSearch',
  dimensions: ['partitions', 'valueBytes', 'keyed', 'compression'],
  partitions: [1],
  mostRecords: 500_000,
  setUp: async (bed) => {
    const server = await startSearch({ flavor: 'opensearch', heapMb: 2048 })
    const usedSeconds = async (): Promise<number> => {
      const { userSeconds, systemSeconds } = await processUsage(server.pid!)
      return userSeconds + systemSeconds
    }
    return {
      course: async (records, variant) => {
        const topic = await loadTopic(bed, records, variant)
        const open: Course['open'] = async (index) => {
          const { close, ...destination } = await indexDestination({ server, index, usedSeconds, now: Date.now })
          return { topic, otherEnd: `${server.url}/${index}`, destination, close }
        }
        return { records, open }
      },
      ways: (variant) => [usual, published, ...(isPlain(variant) ? furtherWays : [])],
      others: () => [kcatReader(bed.kcat)],
      tearDown: () => server.stop(),
    }
  },
}

const usual: Way = { name: 'connect-run', pipelineOf: (ends) => searchPipeline(ends) }

const published: Way = {
  name: 'connect-run, published binding',
  pipelineOf: (ends) => searchPipeline(ends, { source: { packed: false } }),
}

const furtherWays: readonly Way[] = [
  { name: 'connect-run, id: auto', pipelineOf: (ends) => searchPipeline(ends, { sink: { id: 'auto' } }) },
  { name: 'connect-run, metadata', pipelineOf: (ends) => searchPipeline(ends, { sink: { metadata: 'kafka' } }) },
]

export function searchPipeline(
  { bootstrap, topic, otherEnd }: Ends,
  added: { readonly source?: Pipeline['source']; readonly sink?: Pipeline['sink'] } = {},
): Pipeline {
  const { origin, pathname } = new URL(otherEnd)
  return {
    source: { connector: 'kafka', brokers: bootstrap, topics: [topic], value: 'json', ...added.source },
    sink: { connector: 'elasticsearch', url: origin, index: pathname.slice(1), ...added.sink },
  }
}
