import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { measure } from './measure.ts'
import { runOf } from './run.ts'
import type { Destination, Job, Subject } from './subject.ts'

export const connectRunProgram: string = fileURLToPath(new URL('../../cli/bin/connect-run.cjs', import.meta.url))

const PROGRESS_MS = 2_000

type Options = Readonly<Record<string, string | boolean>>

/** The two ends of a pipeline, each with its connector's options; what is not said is the connector's default. */
export interface Pipeline {
  readonly source: Options
  readonly sink: Options
}

/** `connect-run run <config> --once`. */
export function connectRunSubject(
  name: string,
  pipelineOf: (job: Job) => Pipeline,
  nodeFlags: readonly string[] = [],
): Subject {
  return {
    name,
    run: async (job) => {
      const { destination, id, folder, timeoutMs, onProgress } = job
      const file = join(folder, `${id}.yaml`)
      await writeFile(file, configText(job, pipelineOf(job)))
      const stopWatching = watch(destination, onProgress)
      try {
        const cost = await measure({
          command: [process.execPath, ...nodeFlags, connectRunProgram, 'run', file, '--once'],
          base: join(folder, id),
          timeoutMs,
        })
        await stopWatching() // one question at a time
        return runOf(cost, await destination.count())
      } finally {
        await stopWatching()
      }
    },
  }
}

/** The consumer group and the state are named after the worker, and so are new for every run. */
export function configText({ id, folder }: Pick<Job, 'id' | 'folder'>, { source, sink }: Pipeline): string {
  return `name: ${id}
state:
  url: 'file:${join(folder, `${id}-state`)}'
pipelines:
  bench:
    source:
${optionLines(source)}    sink:
${optionLines(sink)}`
}

function optionLines(options: Options): string {
  return Object.entries(options)
    .map(([key, value]) => `      ${key}: ${value}\n`)
    .join('')
}

/** Asks the destination now and then, one question after the other; resolves when no question is open any more. */
function watch(destination: Destination, onProgress: (records: number) => void): () => Promise<void> {
  let asking = Promise.resolve()
  const ask = async (): Promise<void> => onProgress(await destination.arrived())
  const timer = setInterval(() => {
    asking = asking.then(ask)
  }, PROGRESS_MS)
  return () => {
    clearInterval(timer)
    return asking
  }
}
