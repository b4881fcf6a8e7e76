import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { measure } from './measure.ts'
import { runOf } from './run.ts'
import type { Destination, Job, Subject } from './subject.ts'

export const connectRunProgram: string = fileURLToPath(new URL('../../cli/bin/connect-run.cjs', import.meta.url))

const PROGRESS_MS = 2_000

type Options = Readonly<Record<string, unknown>>

/** What a config says; what it does not say is the connector's or the runtime's default. */
export interface Pipeline {
  readonly source: Options
  readonly transforms?: readonly Options[]
  readonly sink: Options
  readonly latency?: 'low' | 'balanced' | 'throughput'
  /** Address of the state store. Default: a folder of the run's own. */
  readonly state?: string
}

/** What of a job a config is made from. */
export type Ends = Pick<Job, 'bootstrap' | 'topic' | 'otherEnd'>

/** One way in which connect-run can be told to do a job. */
export interface Way {
  readonly name: string
  readonly pipelineOf: (ends: Ends) => Pipeline
}

/** `connect-run run <config> --once`. With `launcher`, what comes before the program instead of Node alone. */
export function connectRunSubject(
  { name, pipelineOf }: Way,
  launcher: readonly string[] = [process.execPath],
): Subject {
  return {
    name,
    ours: true,
    run: async (job) => {
      const { destination, id, folder, timeoutMs, onProgress } = job
      const file = await writeConfig(job, pipelineOf(job))
      const stopWatching = watch(destination, onProgress)
      try {
        const cost = await measure({
          command: [...launcher, connectRunProgram, 'run', file, '--once'],
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

/** Returns its path. */
export async function writeConfig(place: Pick<Job, 'id' | 'folder'>, pipeline: Pipeline): Promise<string> {
  const file = join(place.folder, `${place.id}.yaml`)
  await writeFile(file, configText(place, pipeline))
  return file
}

/** The consumer group and the state are named after the worker, and so are new for every run. */
export function configText({ id, folder }: Pick<Job, 'id' | 'folder'>, pipeline: Pipeline): string {
  const { source, transforms, sink, latency, state = `file:${join(folder, `${id}-state`)}` } = pipeline
  return `name: ${id}
state:
  url: ${JSON.stringify(state)}
pipelines:
  bench:
    source:
${optionLines(source)}${transforms ? `    transforms: ${JSON.stringify(transforms)}\n` : ''}    sink:
${optionLines(sink)}${latency ? `    latency: ${latency}\n` : ''}`
}

function optionLines(options: Options): string {
  return Object.entries(options)
    .map(([key, value]) => `      ${key}: ${JSON.stringify(value)}\n`)
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
