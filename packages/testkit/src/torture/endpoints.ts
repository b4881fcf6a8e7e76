import { startCnosdbServer } from '../embedded/cnosdb-server.ts'
import type { FaultSwitch } from '../faults/fault-switch.ts'
import { brokerFaults } from '../faults/kafka.ts'
import { redisFaults } from '../faults/redis.ts'
import { startKafka } from '../services/kafka-cluster.ts'
import { startRedis } from '../services/redis.ts'

export interface EndpointsOptions {
  /**
   * A real Kafka of so many brokers, which needs Java; 0: none. librdkafka's mock will not do: its groups never recover
   * from a member that died while it joined.
   */
  readonly brokers: number
  /** A stand-in for CnosDB in this process. */
  readonly cnosdb: boolean
  /** A real Redis for the state. */
  readonly redis: boolean
}

/** Servers of the run's own. */
export interface Endpoints {
  /** Addresses for the variables of the configs. */
  readonly env: Readonly<Record<string, string>>
  /** `state.url` of the run, if there is a server for it. */
  readonly stateUrl: string | undefined
  /** What can happen to these servers. The stand-in is broken by the proxy before it. */
  readonly faults: readonly FaultSwitch[]
  stop(): Promise<void>
}

/** Starts what is asked for. Throws ServiceUnavailableError where a server is not to be had. */
export async function openEndpoints({ brokers, cnosdb, redis }: EndpointsOptions): Promise<Endpoints> {
  const stops: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => void (await Promise.all(stops.map((each) => each())))
  const env: Record<string, string> = {}
  const faults: FaultSwitch[] = []
  let stateUrl: string | undefined
  try {
    if (brokers > 0) {
      const cluster = await startKafka({ brokers })
      stops.push(() => cluster.stop())
      env['KAFKA_BROKERS'] = cluster.bootstrap
      faults.push(...brokerFaults(cluster))
    }
    if (cnosdb) {
      const server = await startCnosdbServer()
      stops.push(() => server.stop())
      env['CNOSDB_URL'] = server.url
    }
    if (redis) {
      const server = await startRedis()
      stops.push(() => server.stop())
      stateUrl = server.url
      faults.push(...redisFaults(server))
    }
    return { env, stateUrl, faults, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
