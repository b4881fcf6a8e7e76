import type { ProbeContext } from '@connect-run/core'
import { createClusterClient } from './cluster/cluster-client.ts'
import { nameOf } from './cluster/server-version.ts'
import { IndexNames } from './operation/index-name.ts'
import { probeCluster } from './probe.ts'
import type { ElasticsearchSinkConfig } from './sink-config.ts'

/** Probes by a client of its own, without a task. */
export async function probeSink(config: ElasticsearchSinkConfig, context: ProbeContext): Promise<readonly string[]> {
  const { logger, clock, streams, signal } = context
  const client = await createClusterClient(config, logger, clock)
  try {
    await probeCluster({ client, config, logger, clock, streams }, signal)
    const { fixed, varies } = new IndexNames(config)
    const isKnown = fixed !== undefined || (!varies && streams !== undefined)
    return [nameOf(client.server), ...(isKnown ? [] : ['not checked: the indices that records name'])]
  } finally {
    await client.close()
  }
}
