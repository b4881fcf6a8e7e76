import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { SinkSettings } from './counting-sink.ts'
import type { Histogram } from './latency/histogram.ts'
import { sumHistograms } from './latency/histogram.ts'
import type { Tally } from './tally.ts'
import { addTallies } from './tally.ts'

export type SinkQuestion =
  | { readonly ask: 'listen' | 'report' }
  | ({ readonly ask: 'reset' } & SinkSettings)
  | { readonly ask: 'watch'; readonly from: number }

export interface SinkReport {
  readonly tally: Tally
  readonly latencies: Histogram
  /** What the sink itself has used since the last reset. */
  readonly cpuSeconds: number
}

/** The counting sink, in processes of its own that share one port. */
export interface SinkProcess {
  readonly url: string
  /** Begins to count from nothing. */
  reset(settings: SinkSettings): Promise<void>
  /** From now on, records that say that they were produced at `from` or later are timed. */
  watchLatency(from: number): Promise<void>
  report(): Promise<SinkReport>
  stop(): Promise<void>
}

/** One can be the limit: parsing HTTP and counting a million lines a second takes a good part of a core. */
const PROCESSES = 2

export async function startSink(): Promise<SinkProcess> {
  const program = fileURLToPath(new URL('counting-sink-main.js', import.meta.url))
  const children = Array.from({ length: PROCESSES }, () => fork(program))
  const ask = async (question: SinkQuestion, socket?: Server): Promise<SinkReport> => {
    const reports = await Promise.all(children.map((child) => answerOf(child, question, socket)))
    return reports.reduce(addReports)
  }
  const socket = createServer().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  await ask({ ask: 'listen' }, socket)
  socket.close() // the children have it
  return {
    url: `http://127.0.0.1:${port}`,
    reset: async (settings) => void (await ask({ ask: 'reset', ...settings })),
    watchLatency: async (from) => void (await ask({ ask: 'watch', from })),
    report: () => ask({ ask: 'report' }),
    stop: async () => void (await Promise.all(children.map(stop))),
  }
}

function addReports(one: SinkReport, other: SinkReport): SinkReport {
  return {
    tally: addTallies(one.tally, other.tally),
    latencies: sumHistograms(one.latencies, other.latencies),
    cpuSeconds: one.cpuSeconds + other.cpuSeconds,
  }
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.disconnect()
  await exited
}

/** Questions are asked one after the other, so the next message is the answer. */
async function answerOf(child: ChildProcess, question: SinkQuestion, socket?: Server): Promise<SinkReport> {
  const ended = new AbortController()
  const fail = (code: number | null): void => ended.abort(new Error(`the counting sink ended with ${code}`))
  child.once('exit', fail)
  try {
    const answered = once(child, 'message', { signal: ended.signal })
    child.send(question, socket)
    const [report] = (await answered) as [SinkReport]
    return report
  } finally {
    child.off('exit', fail)
  }
}
