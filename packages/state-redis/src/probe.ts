import { unlessAborted } from '@connect-run/core'
import type { RedisStateConfig } from '@connect-run/core/runtime'
import { StateConnection } from './connection.ts'
import { taskKeys } from './keys.ts'
import { allFindings, serverFacts, unsafe } from './server-checks.ts'

/** A look at what is kept of a task, as a task itself looks: by a script, and with the rights that it has. */
const LOOK = "return redis.call('HMGET', KEYS[1], 'format')"

/**
 * Whether Redis is reached, lets this user look at what is kept of the tasks, and keeps what it confirms; where
 * `state.strict` does not refuse a server that may not, it is told of. Writes and claims nothing. Rejects as a task's
 * start does.
 */
export async function probeRedisState(
  config: RedisStateConfig,
  tasks: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const connection = new StateConnection(config, () => undefined)
  try {
    return await unlessAborted(ask(connection, config, tasks), signal)
  } finally {
    connection.close()
  }
}

async function ask(
  connection: StateConnection,
  config: RedisStateConfig,
  tasks: readonly string[],
): Promise<readonly string[]> {
  await connection.ready()
  const servers = await connection.onEach(serverFacts)
  for (const task of tasks) await connection.run(LOOK, [taskKeys(config.keyPrefix, task).state], [])
  const found = allFindings(servers, config.durability)
  if (config.strict && found.length > 0) throw unsafe(connection.location, found)
  const versions = [...new Set(servers.map(({ version }) => `Redis ${version}`))]
  return [versions.join(', '), ...found.map(({ message }) => `may lose state: ${message}`)]
}
