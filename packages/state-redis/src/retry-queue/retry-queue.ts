import { RetriableError, crashPoint } from '@connect-run/core'
import {
  type ParkedRecord,
  type ParkingRequest,
  type ParkingSpace,
  type RedisStateConfig,
  backoffMs,
  stateLocation,
} from '@connect-run/core/runtime'
import { DelayedError, type Job, Queue, Worker } from 'bullmq'
import type { RedisClient } from '../connection.ts'
import { taskKeys } from '../keys.ts'
import { Bounds } from './bounds.ts'
import { type Confirmation, confirm, confirmationOf } from './durability.ts'
import { JobBatches } from './job-batches.ts'
import { type JobData, jobData, jobId, recordOf } from './job.ts'
import type { RetryTiming } from './parking-lot.ts'

export interface RetryQueueParts extends ParkingRequest {
  readonly config: RedisStateConfig
  readonly timing: RetryTiming
  /** For adding jobs, and for working them off: BullMQ wants different settings. Closed with the queue. */
  readonly clients: { readonly queue: RedisClient; readonly worker: RedisClient }
}

/** Jobs under way at a time, and records in one batch for the sink. */
const CONCURRENCY = 100
/** How long jobs under way may take to be handed back at the end, and connections to close, in milliseconds. */
const HAND_BACK_MS = 5000
const DISCONNECT_MS = 1000
/** BullMQ asks again after this when Redis was away, in milliseconds. */
const RECONNECT_MS = 1000
/** A worker that dies with a job in hand is no fault of the job, however often it happens. */
const ENDLESS = Number.MAX_SAFE_INTEGER
const NAME = 'retry'

const refused = new Error('the sink refused it again')

/** The space of one task: a BullMQ queue whose jobs are its records, delayed until they are due. */
export class RetryQueue implements ParkingSpace {
  readonly #parts: RetryQueueParts
  readonly #prefix: string
  readonly #batches: JobBatches
  readonly #bounds: Bounds
  /** Jobs that are done and still take up room. */
  #done: string[] = []
  #queue: Queue<JobData> | undefined
  #worker: Worker<JobData> | undefined
  #confirmation: Confirmation | undefined
  /** Why nothing can be parked now. */
  #reason: string
  /** The reason that was said, where it is that Redis may lose records. */
  #distrusted: string | undefined
  #isStarted = false
  #hasLooked = false
  #sweeping: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(parts: RetryQueueParts) {
    this.#parts = parts
    const { clients, config, task, retry } = parts
    this.#prefix = taskKeys(config.keyPrefix, task).state
    this.#batches = new JobBatches(retry, CONCURRENCY)
    this.#bounds = new Bounds(clients.queue, { root: this.#prefix, jobs: `${this.#prefix}:${NAME}:` })
    this.#reason = `Redis at ${stateLocation(config)} has not answered yet`
    for (const client of Object.values(clients)) client.on('error', (error: Error) => this.#away(error))
    // Also after each reconnection: it may be another server, or the same with other settings.
    clients.queue.on('ready', () => void this.#look())
    clients.queue.on('close', () => (this.#confirmation = undefined))
    clients.worker.on('ready', () => this.#run())
  }

  async park(records: readonly ParkedRecord[]): Promise<number> {
    const { clients } = this.#parts
    const confirmation = this.#confirmation
    if (confirmation === undefined) throw this.#unavailable(this.#reason)
    try {
      const fitting = await this.#add(records)
      if (fitting > 0) await confirm(clients.queue, confirmation, this.#prefix)
      return fitting
    } catch (error) {
      throw this.#unavailable((error as Error).message, error)
    }
  }

  start(): void {
    this.#isStarted = true
    this.#run()
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #add(records: readonly ParkedRecord[]): Promise<number> {
    const { limits, random } = this.#parts
    const jobs = records.map((record) => {
      const data = jobData(record)
      return { id: jobId(record), data, bytes: Buffer.byteLength(JSON.stringify(data)) }
    })
    const { fitting, known } = await this.#bounds.reserve(jobs, limits)
    for (const id of known) await this.#revive(id)
    const added = jobs.slice(0, fitting).map(({ id, data }) => {
      const delay = Math.max(1, backoffMs(limits, 1, random))
      return { name: NAME, data, opts: { jobId: id, delay } }
    })
    if (added.length > 0) await this.#opened().addBulk(added)
    return fitting
  }

  /** BullMQ ignores a job whose id it has, also where it is done with that one. */
  async #revive(id: string): Promise<void> {
    const job = await this.#opened().getJob(id)
    const state = await job?.getState()
    if (state === 'completed') await job?.remove()
    if (state === 'failed') await job?.retry('failed')
  }

  #opened(): Queue<JobData> {
    const { config, clients } = this.#parts
    this.#queue ??= openQueue(clients.queue, this.#prefix, (error) => this.#away(error))
    if (this.#closing !== undefined) throw new Error(`the queue in ${stateLocation(config)} is closed`)
    return this.#queue
  }

  /** Looks whether this Redis can be trusted with records that are nowhere else. */
  async #look(): Promise<void> {
    const { clients, config, logger } = this.#parts
    const location = stateLocation(config)
    try {
      const found = await confirmationOf(clients.queue, config)
      if (found.kind !== 'distrust') {
        this.#confirmation = found
        this.#distrusted = undefined
        return
      }
      const isNews = this.#distrusted !== found.reason
      this.#reason = this.#distrusted = found.reason
      const what = `no record is parked in Redis at ${location}: ${found.reason}; they are tried again in place`
      if (isNews) logger.warn({ code: 'PARKING_UNAVAILABLE' }, what)
    } catch (error) {
      this.#away(error as Error)
    } finally {
      this.#hasLooked = true
      this.#run()
    }
  }

  #away({ message }: Error): void {
    if (this.#confirmation === undefined) this.#reason = message
  }

  #unavailable(reason: string, cause?: unknown): RetriableError {
    const location = stateLocation(this.#parts.config)
    return new RetriableError('PARKING_UNAVAILABLE', `no record can be parked in Redis at ${location}: ${reason}`, {
      hint: 'records are tried again in place until that is cured',
      ...(cause !== undefined && { cause }),
    })
  }

  /** Hands out jobs as soon as it is asked to and there is a connection. */
  #run(): void {
    const { clients, timing, limits, random } = this.#parts
    const isReady = this.#hasLooked && clients.worker.status === 'ready'
    if (!this.#isStarted || !isReady || this.#worker !== undefined || this.#closing !== undefined) return
    const worker = new Worker<JobData>(NAME, (job, token) => this.#attempt(job, token), {
      connection: clients.worker,
      prefix: this.#prefix,
      autorun: false,
      // It would write on standard error what the log has said already.
      skipVersionCheck: this.#confirmation === undefined,
      concurrency: CONCURRENCY,
      lockDuration: timing.lockMs,
      stalledInterval: timing.stalledMs,
      maxStalledCount: ENDLESS,
      runRetryDelay: RECONNECT_MS,
      settings: { backoffStrategy: (attempts) => Math.max(1, backoffMs(limits, attempts, random)) },
    })
    this.#worker = worker
    worker.on('error', (error) => this.#away(error))
    worker.on('completed', ({ id }) => void this.#done.push(id!))
    void worker.run().catch((error: Error) => this.#away(error))
    this.#sweep()
  }

  async #attempt(job: Job<JobData>, token: string | undefined): Promise<void> {
    const fate = await this.#batches.attempt(recordOf(job.data, job.attemptsMade))
    crashPoint('parked-tried')
    if (fate === 'refused') throw refused
    if (fate === 'done') return
    await job.moveToDelayed(Date.now() + this.#parts.limits.initialDelayMs, token)
    throw new DelayedError()
  }

  /** Gives room back, and tries again what BullMQ has given up: it is for the pipeline to say when a record is. */
  #sweep(): void {
    const { sweepMs } = this.#parts.timing
    let next = 0
    const tick = async (): Promise<void> => {
      const done = this.#done
      this.#done = []
      await this.#bounds.release(done).catch(() => void this.#done.push(...done))
      if (Date.now() < next) return
      next = Date.now() + sweepMs
      await this.#opened().retryJobs({ state: 'failed' })
      await this.#bounds.sweep()
    }
    const loop = (): void => {
      this.#sweeping = setTimeout(
        () => {
          // What fails is tried again the next time.
          void tick()
            .catch(() => undefined)
            .then(() => this.#closing === undefined && loop())
        },
        Math.min(sweepMs, RELEASE_EVERY_MS),
      )
    }
    loop()
  }

  async #close(): Promise<void> {
    const { queue, worker } = this.#parts.clients
    clearTimeout(this.#sweeping)
    // Waits for attempts under way. Where Redis is away it can't be told what came of them: they are made again.
    const closed = this.#worker?.close()
    await atMost(closed, HAND_BACK_MS)
    this.#batches.abandon()
    await atMost(closed, DISCONNECT_MS)
    await atMost(this.#worker?.backend.close(true), DISCONNECT_MS)
    await this.#bounds.release(this.#done).catch(() => undefined)
    await atMost(this.#queue?.close(), DISCONNECT_MS)
    queue.disconnect()
    worker.disconnect()
  }
}

/** How often room is given back, in milliseconds. */
const RELEASE_EVERY_MS = 500

function openQueue(client: RedisClient, prefix: string, onError: (error: Error) => void): Queue<JobData> {
  const queue = new Queue<JobData>(NAME, {
    connection: client,
    prefix,
    skipVersionCheck: true,
    streams: { events: { maxLen: 100 } },
    defaultJobOptions: {
      attempts: ENDLESS,
      backoff: { type: 'custom' },
      removeOnComplete: true,
      removeOnFail: false,
      stackTraceLimit: 0,
    },
  })
  queue.on('error', onError)
  return queue
}

/** Waits for what closes, but not for ever, and whatever comes of it. */
async function atMost(closing: Promise<unknown> | undefined, ms: number): Promise<void> {
  if (closing === undefined) return
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([closing.catch(() => undefined), late])
  clearTimeout(timer)
}
