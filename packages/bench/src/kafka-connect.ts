import { join } from 'node:path'
import { pollUntil } from '@connect-run/testkit'
import type { ConnectorStatus, KafkaConnect } from '@connect-run/testkit/services'
import { startKafkaConnect } from '@connect-run/testkit/services'
import type { ProcessUsage } from './process-usage.ts'
import { processUsage } from './process-usage.ts'
import type { Run } from './run.ts'
import { runOf } from './run.ts'
import type { Job, Subject } from './subject.ts'
import type { Course } from './turns.ts'

const LOOK_MS = 200
/** As in the connect-standalone.properties that comes with Kafka. */
const COMMIT_MS = 10_000

type ConnectorConfig = Readonly<Record<string, string>>

/**
 * A standalone worker of Kafka Connect with one connector. The start of the JVM and of the worker is not counted: the
 * figures begin when the worker is ready, the connector is only then given to it, and they end when it has been stopped
 * in good order, before the JVM ends. With `warmUp` the worker has moved that course's records once before, uncounted,
 * so that the JVM has compiled what it then runs.
 */
export function kafkaConnectSubject(
  name: string,
  connectorOf: (job: Job) => ConnectorConfig,
  warmUp?: Course,
): Subject {
  return {
    name,
    run: async (job) => {
      const startedAt = Date.now() / 1000
      const worker = await startKafkaConnect({
        bootstrap: job.bootstrap,
        folder: join(job.folder, job.id),
        worker: { 'offset.flush.interval.ms': COMMIT_MS },
      })
      try {
        if (warmUp) await moveElsewhere(worker, { job, connectorOf, course: warmUp })
        const readyAt = Date.now() / 1000
        const before = await processUsage(worker.pid!)
        await move(worker, job, connectorOf(job))
        const after = await processUsage(worker.pid!)
        const cost = { ...difference(before, after), startedAt: readyAt, endedAt: Date.now() / 1000 }
        const excluded = { cpuSeconds: before.userSeconds + before.systemSeconds, wallSeconds: readyAt - startedAt }
        return { ...runOf(cost, await job.destination.count()), excluded } satisfies Run
      } finally {
        await worker.kill()
      }
    },
  }
}

interface WarmUp {
  readonly job: Job
  readonly connectorOf: (job: Job) => ConnectorConfig
  readonly course: Course
}

async function moveElsewhere(worker: KafkaConnect, { job, connectorOf, course }: WarmUp): Promise<void> {
  const id = `${job.id}-warm-up`
  const { close, ...route } = await course.open(id)
  try {
    const other = { ...job, ...route, id }
    await move(worker, other, connectorOf(other))
  } finally {
    await close()
  }
}

async function move(worker: KafkaConnect, job: Job, config: ConnectorConfig): Promise<void> {
  await request(worker, 'POST', '/connectors', { name: job.id, config })
  await untilMoved(worker, job)
}

export function difference(before: ProcessUsage, after: ProcessUsage): ProcessUsage {
  return {
    userSeconds: after.userSeconds - before.userSeconds,
    systemSeconds: after.systemSeconds - before.systemSeconds,
    peakRssBytes: after.peakRssBytes,
  }
}

/** Waits for the records, and has the connector commit and stop. */
async function untilMoved(worker: KafkaConnect, { id, records, destination, timeoutMs }: Job): Promise<void> {
  const patience = { timeoutMs, intervalMs: LOOK_MS }
  let seen = -1
  const moved = async (): Promise<string | boolean> => {
    const arrived = await destination.arrived()
    const stands = arrived === seen
    seen = arrived
    if (arrived >= records) return true
    // A question costs the worker time that is measured, so it is asked only while nothing moves.
    return stands && (failureOf(await worker.status()) ?? false)
  }
  const outcome = await pollUntil(moved, { ...patience, what: 'Kafka Connect moves every record' })
  if (outcome !== true) throw new Error(`Kafka Connect: ${outcome}`)
  await request(worker, 'PUT', `/connectors/${id}/stop`)
  const stopped = ({ state, tasks }: ConnectorStatus): boolean => state === 'STOPPED' && tasks.length === 0
  await pollUntil(async () => (await worker.status()).every(stopped), { ...patience, what: 'Kafka Connect stops' })
}

export function failureOf(connectors: readonly ConnectorStatus[]): string | undefined {
  const failed = connectors.flatMap(({ tasks }) => tasks).find(({ state }) => state === 'FAILED')
  return failed && (failed.trace ?? 'a task failed')
}

async function request(worker: KafkaConnect, method: 'POST' | 'PUT', path: string, body?: unknown): Promise<void> {
  const answer = await fetch(`${worker.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`Kafka Connect answered ${answer.status} to ${path}: ${await answer.text()}`)
}
