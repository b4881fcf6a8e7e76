import { randomUUID } from 'node:crypto'
import type { Clock, Positions } from '@connect-run/core'
import type { RedisStateConfig, StateStore } from '@connect-run/core/runtime'
import { recordingLogger } from '@connect-run/testkit/conformance'
import { openRedisState } from '../src/index.ts'

/** The config of a server, with keys of its own. */
export function configOf(url: string, changes: Partial<RedisStateConfig> = {}): RedisStateConfig {
  const [, scheme, hosts, primary] = /^redis(?:\+(sentinel|cluster))?:\/\/([^/]+)(?:\/(.*))?$/.exec(url)!
  return {
    kind: 'redis',
    mode: (scheme ?? 'single') as RedisStateConfig['mode'],
    hosts: hosts!.split(',').map((each) => ({ host: each.split(':')[0]!, port: Number(each.split(':')[1]) })),
    primary,
    database: 0,
    username: undefined,
    password: undefined,
    tls: undefined,
    sentinel: undefined,
    strict: false,
    leaseMs: 3000,
    keyPrefix: `test-${randomUUID()}`,
    durability: { disk: true, replicas: 0, timeoutMs: 500 },
    ...changes,
  }
}

export interface OpenedStore {
  readonly store: StateStore
  readonly logger: ReturnType<typeof recordingLogger>
}

/** Stores of a test, closed by `close`. */
export class Stores {
  readonly #stores: StateStore[] = []

  open(config: RedisStateConfig, clock?: Clock): OpenedStore {
    const logger = recordingLogger()
    const store = openRedisState(config, { logger, ...(clock && { clock }) })
    this.#stores.push(store)
    return { store, logger }
  }

  async close(): Promise<void> {
    await Promise.all(this.#stores.splice(0).map((store) => store.close()))
  }
}

export function at(offset: number, partition: number = 0): Positions {
  return [{ stream: 's', partition, position: { offset } }]
}
