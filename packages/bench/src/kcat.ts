import { join } from 'node:path'
import { measure } from './measure.ts'
import { runOf } from './run.ts'
import type { Job, Subject } from './subject.ts'
import { addArrival, countLineFeeds, emptyTally } from './tally.ts'

/** Reads only, and prints every message to a pipe at whose end the lines are counted: the floor to compare with. */
export function kcatReader(program: string): Subject {
  return {
    name: 'kcat -C (read only)',
    run: async (job) => {
      let tally = emptyTally
      const onOutput = (chunk: Buffer): void => {
        tally = addArrival(tally, countLineFeeds(chunk), Date.now())
      }
      const cost = await measure({ ...measured(job), command: [program, ...readAll(job)], onOutput })
      return runOf(cost, { tally })
    },
  }
}

/** Prints every message to the file. */
export function kcatToFile(program: string): Subject {
  return {
    name: 'kcat -C > file',
    run: async (job) => {
      const shell = ['/bin/sh', '-c', 'exec "$@" > "$0"', job.otherEnd]
      const cost = await measure({ ...measured(job), command: [...shell, program, ...readAll(job)] })
      return runOf(cost, await job.destination.count())
    },
  }
}

/** Sends every line of the file by an idempotent producer; all replicas acknowledge it. */
export function kcatFromFile(program: string): Subject {
  return {
    name: 'kcat -P -l file',
    run: async (job) => {
      const { bootstrap, topic, otherEnd, destination } = job
      const safely = ['-X', 'acks=all', '-X', 'enable.idempotence=true']
      const command = [program, '-P', '-b', bootstrap, '-t', topic, ...safely, '-l', otherEnd]
      const cost = await measure({ ...measured(job), command })
      return runOf(cost, await destination.count())
    },
  }
}

/** Reads and writes by two kcats, a message a line between them; the writing one is idempotent, all replicas acknowledge. */
export function kcatPipe(program: string): Subject {
  return {
    name: 'kcat -C | kcat -P',
    run: async (job) => {
      const { bootstrap, topic, otherEnd, destination } = job
      const reader = '"$0" -C -q -e -b "$1" -t "$2" -o beginning'
      const writer = '"$0" -P -b "$1" -t "$3" -X acks=all -X enable.idempotence=true'
      const command = ['/bin/sh', '-c', `${reader} | ${writer}`, program, bootstrap, topic, otherEnd]
      const cost = await measure({ ...measured(job), command })
      return runOf(cost, await destination.count())
    },
  }
}

function readAll({ bootstrap, topic }: Job): string[] {
  return ['-C', '-q', '-e', '-b', bootstrap, '-t', topic, '-o', 'beginning']
}

function measured({ folder, id, timeoutMs }: Job): { readonly base: string; readonly timeoutMs: number } {
  return { base: join(folder, id), timeoutMs }
}
