import { join } from 'node:path'
import { measure } from './measure.ts'
import { runOf } from './run.ts'
import type { Subject } from './subject.ts'
import { addArrival, countLineFeeds, emptyTally } from './tally.ts'

/** Reads only, and prints every message to a pipe at whose end the lines are counted: the floor to compare with. */
export function kcatSubject(program: string): Subject {
  return {
    name: 'kcat -C (read only)',
    run: async ({ bootstrap, topic, id, folder, timeoutMs }) => {
      let tally = emptyTally
      const cost = await measure({
        command: [program, '-C', '-q', '-e', '-b', bootstrap, '-t', topic, '-o', 'beginning'],
        base: join(folder, id),
        onOutput: (chunk) => {
          tally = addArrival(tally, countLineFeeds(chunk), Date.now())
        },
        timeoutMs,
      })
      return runOf(cost, tally)
    },
  }
}
