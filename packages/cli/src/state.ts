import { ConnectError } from '@connect-run/core'
import {
  type RedisStateConfig,
  type RootLogger,
  type SharedJournals,
  type StateConfig,
  openStateStore,
  stateLocation,
} from '@connect-run/core/runtime'
import type * as stateRedis from '@connect-run/state-redis'

import type { OpenedState } from './host.ts'

export type LoadRedis = () => Promise<typeof stateRedis>

/** What a worker keeps its state in. The package for Redis is loaded only for a config that names Redis. */
export async function openState(
  state: StateConfig,
  logger: RootLogger,
  loadRedis: LoadRedis = () => import('@connect-run/state-redis'),
): Promise<OpenedState> {
  if (state.kind !== 'redis') return { stateStore: openStateStore(state) }
  const { openRedisState, createParkingLot } = await loadedFor(state, loadRedis)
  return { stateStore: openRedisState(state, { logger }), parkingLot: createParkingLot(state) }
}

/** Where replays of dead letters are remembered, unless that is a file of this host. */
export async function openJournals(
  state: StateConfig,
  logger: RootLogger,
  loadRedis: LoadRedis = () => import('@connect-run/state-redis'),
): Promise<SharedJournals | undefined> {
  if (state.kind !== 'redis') return undefined
  const { createSharedJournals } = await loadedFor(state, loadRedis)
  return createSharedJournals(state, { logger })
}

export async function loadedFor(state: RedisStateConfig, loadRedis: LoadRedis): Promise<typeof stateRedis> {
  try {
    return await loadRedis()
  } catch (error) {
    throw absent(error) ? missing(stateLocation(state), error) : error
  }
}

function absent(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND'
}

function missing(location: string, cause: unknown): ConnectError {
  return new ConnectError('FEATURE_MISSING', `state in ${location} needs the package @connect-run/state-redis`, {
    hint: 'npm install @connect-run/state-redis, or keep the state in files: `state: {url: file:./.connect-run}`',
    cause,
  })
}
