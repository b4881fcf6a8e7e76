import type { Caveat, Obstacle, SourceTraits } from '@connect-run/core'
import { type ConnectionConfig, brokerList } from './connection-config.ts'
import type { KafkaSinkConfig } from './sink-config.ts'
import type { KafkaSourceConfig } from './source-config.ts'

/** What a sink has to know of this source before it starts. */
export function sourceTraits(config: KafkaSourceConfig): SourceTraits {
  const notExactlyOnce = obstacleAt(config)
  const traits: SourceTraits = { positions: 'source', keptAt: servers(config), caveats: caveatsOf(config) }
  return notExactlyOnce === undefined ? traits : { ...traits, notExactlyOnce }
}

function caveatsOf({ isolation, onMissingOffset }: KafkaSourceConfig): Caveat[] {
  const caveats: Caveat[] = []
  if (onMissingOffset !== 'fail') {
    const text = 'What retention removes before it is read is skipped, said and counted.'
    caveats.push({ option: `onMissingOffset: ${onMissingOffset}`, text })
  }
  if (isolation === 'read_uncommitted') {
    const text = 'Records of transactions that are aborted later are taken for real.'
    caveats.push({ option: 'isolation: read_uncommitted', text })
  }
  return caveats
}

function obstacleAt({ isolation, instanceId }: KafkaSourceConfig): Obstacle | undefined {
  if (isolation === 'read_uncommitted') {
    return {
      reason: 'the source reads records of transactions that may yet be aborted',
      hint: 'Remove `isolation: read_uncommitted`.',
    }
  }
  if (instanceId !== '') return undefined
  return {
    reason: 'without a static id, the group can’t tell this worker from one that it has expelled',
    hint: 'Remove `instanceId: ""`.',
  }
}

/** Whether positions of such a source can be part of this sink's transactions. */
export function sinkExactlyOnce(config: KafkaSinkConfig, source: SourceTraits): true | Obstacle {
  if (config.transactionTimeout < config.deliveryTimeout) {
    return {
      reason: 'a transaction would end before the brokers have had their time for a record',
      hint: 'Let `transactionTimeout` of the sink be no shorter than its `deliveryTimeout`.',
    }
  }
  if (source.positions !== 'source') return true
  const own = servers(config)
  if (source.keptAt?.some((server) => own.includes(server)) === true) return true
  const elsewhere = source.keptAt?.join(', ') ?? 'elsewhere'
  return {
    reason: `the source keeps its positions at ${elsewhere}, and a transaction at ${own.join(', ')} can’t include them`,
    hint: 'If it is one cluster, name one of its brokers in the same way at both ends.',
  }
}

/** What must be this pipeline's alone. */
export function sinkClaims({ positionsTopic, brokers }: KafkaSinkConfig): readonly string[] {
  return positionsTopic === undefined ? [] : [`the positions topic ${positionsTopic} at ${brokerList(brokers)}`]
}

function servers({ brokers }: ConnectionConfig): string[] {
  return brokerList(brokers)
    .split(',')
    .map((broker) => `kafka://${broker.trim().toLowerCase()}`)
}
