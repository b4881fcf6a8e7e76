import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { measure } from './measure.ts'
import { runOf } from './run.ts'
import type { SinkProcess } from './sink-process.ts'
import type { Job, Subject } from './subject.ts'

const command = fileURLToPath(new URL('../../cli/bin/connect-run.cjs', import.meta.url))

const PROGRESS_MS = 2_000

export interface ConnectRunOptions {
  readonly nodeFlags?: readonly string[]
  /** Options of the sink besides those that it must have; the others are the connector's defaults. */
  readonly sinkOptions?: Readonly<Record<string, string | boolean>>
}

/** Kafka -> line protocol -> HTTP by `connect-run run <config> --once`. */
export function connectRunSubject(name: string, options: ConnectRunOptions = {}): Subject {
  const { nodeFlags = [], sinkOptions = {} } = options
  return {
    name,
    run: async (job) => {
      const { sink, id, folder, timeoutMs, onProgress } = job
      const file = join(folder, `${id}.yaml`)
      await writeFile(file, configOf(job, sinkOptions))
      await sink.reset()
      const stopWatching = watch(sink, onProgress)
      try {
        const cost = await measure({
          command: [process.execPath, ...nodeFlags, command, 'run', file, '--once'],
          base: join(folder, id),
          timeoutMs,
        })
        await stopWatching() // one question at a time
        const { tally, cpuSeconds } = await sink.report()
        return runOf(cost, tally, cpuSeconds)
      } finally {
        await stopWatching()
      }
    },
  }
}

/** The consumer group is named after the worker and so is new for every run. */
export function configOf(
  { id, bootstrap, topic, sink }: Pick<Job, 'id' | 'bootstrap' | 'topic'> & { readonly sink: { readonly url: string } },
  sinkOptions: Readonly<Record<string, string | boolean>>,
): string {
  const extra = Object.entries(sinkOptions).map(([key, value]) => `      ${key}: ${value}\n`)
  return `name: ${id}
state:
  url: 'memory:'
pipelines:
  bench:
    source:
      connector: kafka
      brokers: ${bootstrap}
      topics: [${topic}]
      value: json
    sink:
      connector: cnosdb
      url: ${sink.url}
      username: root
      database: public
      table: kafka_consumer
${extra.join('')}`
}

/** Asks the sink now and then, one question after the other; resolves when no question is open any more. */
function watch(sink: SinkProcess, onProgress: (records: number) => void): () => Promise<void> {
  let asking = Promise.resolve()
  const ask = async (): Promise<void> => {
    const { tally } = await sink.report()
    onProgress(tally.records)
  }
  const timer = setInterval(() => {
    asking = asking.then(ask)
  }, PROGRESS_MS)
  return () => {
    clearInterval(timer)
    return asking
  }
}
