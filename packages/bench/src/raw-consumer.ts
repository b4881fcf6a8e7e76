import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { measure } from './measure.ts'
import { runOf } from './run.ts'
import type { Subject } from './subject.ts'
import type { Tally } from './tally.ts'

const program = fileURLToPath(new URL('raw-consumer-main.js', import.meta.url))

/** Reads only, by the client that the kafka connector uses: what is above it in connect-run is connect-run's own. */
export function rawConsumerSubject(partitions: number): Subject {
  return {
    name: 'node-rdkafka (read only)',
    run: async ({ bootstrap, topic, id, folder, timeoutMs }) => {
      const printed: Buffer[] = []
      const cost = await measure({
        command: [process.execPath, program, bootstrap, topic, String(partitions)],
        base: join(folder, id),
        onOutput: (chunk) => printed.push(chunk),
        timeoutMs,
      })
      return runOf(cost, { tally: JSON.parse(Buffer.concat(printed).toString()) as Tally })
    },
  }
}
