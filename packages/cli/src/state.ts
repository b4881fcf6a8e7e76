import { ConnectError } from '@connect-run/core'
import { type RootLogger, type StateConfig, openStateStore, stateLocation } from '@connect-run/core/runtime'
import type * as stateRedis from '@connect-run/state-redis'

import type { OpenedState } from './host.ts'

type LoadRedis = () => Promise<typeof stateRedis>

/** What a worker keeps its state in. The package for Redis is loaded only for a config that names Redis. */
export async function openState(
  state: StateConfig,
  logger: RootLogger,
  loadRedis: LoadRedis = () => import('@connect-run/state-redis'),
): Promise<OpenedState> {
  if (state.kind !== 'redis') return { stateStore: openStateStore(state) }
  const { openRedisState, createParkingLot } = await loadRedis().catch((error: unknown) => {
    throw absent(error) ? missing(stateLocation(state), error) : error
  })
  return { stateStore: openRedisState(state, { logger }), parkingLot: createParkingLot(state) }
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
