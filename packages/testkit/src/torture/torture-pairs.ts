import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEndpoints } from './endpoints.ts'
import { type PairName, strictPairs } from './pairs.ts'
import type { TortureReport } from './report.ts'
import { type TortureOptions, torture } from './torture.ts'

export interface PairsOptions extends Pick<
  TortureOptions,
  'command' | 'records' | 'forMs' | 'seed' | 'kills' | 'suspends' | 'say' | 'stallMs'
> {
  readonly pairs: readonly PairName[]
  readonly state: 'file' | 'redis'
  /** Whether brokers (three of them), Redis and the server of CnosDB fail as well. */
  readonly faults: boolean
}

/** Runs pairs of connectors side by side in one worker that is killed, between servers of their own. */
export async function torturePairs({ pairs, state, faults, ...options }: PairsOptions): Promise<TortureReport> {
  const endpoints = await openEndpoints({ brokers: faults ? 3 : 1, cnosdb: true, redis: state === 'redis' })
  const folder = await mkdtemp(join(tmpdir(), 'connect-run-pairs-'))
  try {
    const { KAFKA_BROKERS, CNOSDB_URL } = endpoints.env
    const { config, pipelines } = strictPairs(pairs, { bootstrap: KAFKA_BROKERS!, cnosdbUrl: CNOSDB_URL! })
    const file = join(folder, 'pairs.yaml')
    await writeFile(file, config)
    return await torture({
      ...options,
      file,
      pipelines,
      env: process.env,
      faults: faults ? endpoints.faults : [],
      serverFaults: faults,
      ...(endpoints.stateUrl === undefined ? {} : { stateUrl: endpoints.stateUrl }),
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
    await endpoints.stop()
  }
}
