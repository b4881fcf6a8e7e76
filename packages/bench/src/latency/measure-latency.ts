import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pollUntil } from '@connect-run/testkit'
import { ServiceProcess } from '@connect-run/testkit/services'
import { connectRunProgram, writeConfig } from '../connect-run.ts'
import { loopDelayLauncher, readLoopDelay } from '../loop-delay.ts'
import { processUsage } from '../process-usage.ts'
import type { Bed } from '../turns.ts'
import { countOf, percentile } from './histogram.ts'
import type { LatencyJob, LatencyRun, LatencySubject, TimedRoute } from './latency-scenario.ts'
import { connectProducer } from './steady-producer.ts'
import type { TimedDestination } from './timed-destination.ts'

/** From the first arrival on: V8 compiles meanwhile, and what came during the start is caught up with. */
const WARM_UP_MS = 2_000
const PATIENCE_MS = 60_000

interface LatencyOrder {
  readonly id: string
  readonly route: TimedRoute
  readonly load: { readonly partitions: number; readonly rate: number; readonly seconds: number }
}

/** One run, which fails unless exactly the records produced arrive. */
export async function measureLatency(
  { kafka, folder }: Bed,
  subject: LatencySubject,
  { id, route, load }: LatencyOrder,
): Promise<LatencyRun> {
  await kafka.createTopic(id, { partitions: load.partitions })
  const job = { bootstrap: kafka.bootstrap, topic: id, otherEnd: route.otherEnd, id, folder }
  const delayFile = join(folder, `${id}-loop-delay.json`)
  const command = await commandOf(subject, job, delayFile)
  const program = new ServiceProcess({
    name: subject.name,
    command,
    logFile: join(folder, `${id}.log`),
    ready: () => true,
  })
  const producer = await connectProducer({ bootstrap: kafka.bootstrap, topic: id, ...load })
  try {
    await program.start()
    const timed = await timeArrivals(program, { producer, destination: route.destination, seconds: load.seconds })
    await program.stop()
    return { ...timed, loopDelay: subject.command ? undefined : await readLoopDelay(delayFile) }
  } finally {
    await program.kill()
    await producer.stop()
    await kafka.deleteTopic(id)
  }
}

async function commandOf(subject: LatencySubject, job: LatencyJob, delayFile: string): Promise<readonly string[]> {
  if (subject.command) return subject.command(job)
  const config = await writeConfig(job, subject.pipelineOf(job))
  return [...loopDelayLauncher(delayFile), connectRunProgram, 'run', config]
}

interface Timing {
  readonly producer: { start(): Promise<void>; stop(): Promise<number> }
  readonly destination: TimedDestination
  readonly seconds: number
}

async function timeArrivals(
  program: ServiceProcess,
  { producer, destination, seconds }: Timing,
): Promise<Omit<LatencyRun, 'loopDelay'>> {
  const arrived = async (): Promise<number> => (await destination.report()).records
  const usage = (): ReturnType<typeof processUsage> => processUsage(program.pid!)
  const wait = { timeoutMs: PATIENCE_MS }
  await producer.start()
  await pollUntil(async () => (await arrived()) > 0, { ...wait, what: 'the first record arrives' })
  await delay(WARM_UP_MS)
  const [from, before] = [Date.now(), await usage()]
  await destination.watch(from)
  await delay(seconds * 1000)
  const [to, after] = [Date.now(), await usage()]
  const sent = await producer.stop()
  await pollUntil(async () => (await arrived()) >= sent, { ...wait, what: 'every record arrives' })
  const { records, latencies } = await destination.report()
  if (records !== sent) throw new Error(`${records} records arrived of ${sent}`)
  const [p50, p99, max] = [50, 99, 100].map((percent) => percentile(latencies, percent)!)
  const used = after.userSeconds + after.systemSeconds - before.userSeconds - before.systemSeconds
  const cpuLoad = (used * 1000) / (to - from)
  return { records: countOf(latencies), p50: p50!, p99: p99!, max: max!, cpuLoad, peakRssBytes: after.peakRssBytes }
}
