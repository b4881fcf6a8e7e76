import type { ElasticsearchSinkConfig, Tombstones } from '../sink-config.ts'
import type { Action } from './operations.ts'

/** Options whose defaults depend on others. */
type Config = Pick<ElasticsearchSinkConfig, 'action' | 'dataStream' | 'id' | 'tombstones'>

export function actionOf({ action, dataStream }: Config): Action {
  return action ?? (dataStream === undefined ? 'index' : 'create')
}

export function tombstonesOf(config: Config): Tombstones {
  const { tombstones, dataStream, id } = config
  if (tombstones !== undefined) return tombstones
  const deletes = actionOf(config) === 'delete' || (id === 'key' && dataStream === undefined)
  return deletes ? 'delete' : 'skip'
}

/** Whether two records may be about one document: then their order matters. */
export function idsRepeat({ id }: Pick<Config, 'id'>): boolean {
  return id !== 'coordinates' && id !== 'auto'
}
