import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Tally } from './tally.ts'

export type SinkQuestion = 'reset' | 'report'

export interface SinkReport {
  readonly tally: Tally
  /** What the sink itself has used since the last reset. */
  readonly cpuSeconds: number
}

/** The counting sink, in a process of its own. */
export interface SinkProcess {
  readonly url: string
  /** Begins to count from nothing. */
  reset(): Promise<void>
  report(): Promise<SinkReport>
  stop(): Promise<void>
}

export async function startSink(): Promise<SinkProcess> {
  const child = fork(fileURLToPath(new URL('counting-sink-main.js', import.meta.url)))
  const port = await answer<number>(child)
  const ask = (question: SinkQuestion): Promise<SinkReport> => {
    const answered = answer<SinkReport>(child)
    child.send(question)
    return answered
  }
  return {
    url: `http://127.0.0.1:${port}`,
    reset: async () => void (await ask('reset')),
    report: () => ask('report'),
    stop: async () => {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}

/** Questions are asked one after the other, so the next message is the answer. */
async function answer<T>(child: ChildProcess): Promise<T> {
  const ended = new AbortController()
  const fail = (code: number | null): void => ended.abort(new Error(`the counting sink ended with ${code}`))
  child.once('exit', fail)
  try {
    const [message] = (await once(child, 'message', { signal: ended.signal })) as [T]
    return message
  } finally {
    child.off('exit', fail)
  }
}
