import type { Clock, Logger } from '@connect-run/core'
import {
  type RedisStateConfig,
  type ReplayJournal,
  type SharedJournals,
  stateLocation,
  systemClock,
} from '@connect-run/core/runtime'
import { StateConnection } from '../connection.ts'
import { taskKeys } from '../keys.ts'
import { checkServers, unsafe } from '../server-checks.ts'
import type { Wait } from '../wait.ts'
import { RedisJournal, readJournal } from './redis-journal.ts'
import { Turn } from './turn.ts'

export interface SharedJournalsOptions {
  readonly logger: Logger
  readonly clock?: Clock
}

type Parts = Required<SharedJournalsOptions> & {
  readonly config: RedisStateConfig
  readonly connection: StateConnection
  readonly root: string
}

/** Journals of replays in Redis, each written by one replay at a time, which is a BullMQ job. */
export function createSharedJournals(
  config: RedisStateConfig,
  { logger, clock = systemClock }: SharedJournalsOptions,
): SharedJournals {
  return {
    of: (task) => {
      const root = taskKeys(config.keyPrefix, task).state
      const key = journalKey(root)
      return {
        location: `${stateLocation(config)} ${key}`,
        read: async () => {
          const connection = new StateConnection(config, () => undefined)
          try {
            await connection.ready()
            return (await readJournal(connection, key)).marks
          } finally {
            connection.close()
          }
        },
        open: async (signal) => {
          const connection = new StateConnection(config, () => undefined)
          try {
            return await open({ config, connection, root, logger, clock }, signal)
          } catch (error) {
            connection.close()
            throw signal.aborted ? error : connection.failure(error)
          }
        },
      }
    },
  }
}

function journalKey(root: string): string {
  return `${root}:replayed`
}

async function open(parts: Parts, signal: AbortSignal): Promise<ReplayJournal> {
  const { config, connection, root, clock } = parts
  await connection.ready()
  const wait = await safely(parts)
  const turn = await Turn.take({ ...parts, signal })
  try {
    const { leaseMs } = config
    return await RedisJournal.open({ connection, key: journalKey(root), turn, wait, leaseMs, clock })
  } catch (error) {
    await turn.close()
    throw error
  }
}

/** What makes writes durable; says, or refuses, what makes the servers unsafe. */
async function safely({ config, connection, logger }: Parts): Promise<Wait | undefined> {
  const { findings, wait } = await checkServers(connection, config)
  if (config.strict && findings.length > 0) throw unsafe(connection.location, findings)
  for (const { message, hint } of findings) {
    logger.warn({ code: 'STATE_UNSAFE', hint }, `Redis at ${connection.location}: ${message}`)
  }
  return wait
}
