import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kcatProgram, startKafka } from '@connect-run/testkit/services'
import type { Bed } from './turns.ts'

export const resultFolder: string = fileURLToPath(new URL('../../../.cache/bench', import.meta.url))

/** Lends a Kafka and a folder of its own. The folder stays, for its logs, unless `use` is done without a failure. */
export async function withBed(say: Bed['say'], use: (bed: Bed) => Promise<{ failed: boolean }>): Promise<void> {
  await mkdir(resultFolder, { recursive: true })
  process.env['CONNECT_RUN_TEST_CONTAINERS'] = 'off' // what a program uses in there is not seen from here
  // Inside the workspace: that is where connect-run looks for connectors.
  const folder = await mkdtemp(join(resultFolder, 'run-'))
  const [kcat, kafka] = await Promise.all([kcatProgram(), startKafka()])
  try {
    const { failed } = await use({ kafka, kcat, folder, say })
    if (!failed) await rm(folder, { recursive: true })
  } finally {
    await kafka.stop()
  }
}
