import { randomUUID } from 'node:crypto'
import { type Clock, type Logger, RetriableError, crashPoint } from '@connect-run/core'
import type { RedisStateConfig } from '@connect-run/core/runtime'
import { type Job, Queue, Worker } from 'bullmq'
import { type Claimant, isGone, nameOf, thisClaimant } from '../claimant.ts'
import { type RedisClient, connectRedis } from '../connection.ts'

export interface TurnOptions {
  readonly config: RedisStateConfig
  /** Beginning of the keys of the pipeline. */
  readonly root: string
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** What the job says of the process that has it, for others to read. */
interface TurnData {
  readonly holder?: Claimant
  readonly token?: string
}

const QUEUE = 'replay'
/** There is one job at most, whoever adds it. */
const JOB = 'turn'
const COMMAND_MS = 5000
const LOOK_MS = 100
/** How long a job that nobody has may take to be handed out, in milliseconds. */
const GRACE_MS = 5000
/** How often a lock is renewed in its course. */
const RENEWALS = 5
const MAX_STALLED_CHECK_MS = 1000
const DISCONNECT_MS = 1000

/**
 * A replay or purge of a pipeline's dead letters, as a BullMQ job. Whoever has the job's lock has the turn: what is
 * noted of a replay is refused without it. A job whose process has died is a stalled one, and goes to the next.
 */
export class Turn {
  readonly token: string = randomUUID()
  readonly lockKey: string
  readonly #options: TurnOptions
  readonly #client: RedisClient
  readonly #queue: Queue<TurnData>
  readonly #worker: Worker<TurnData>
  #job: Job<TurnData> | undefined
  #renewing: NodeJS.Timeout | undefined

  private constructor(options: TurnOptions) {
    const { config, root: prefix } = options
    this.#options = options
    this.#client = connectRedis(config, {
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: null,
      commandTimeout: COMMAND_MS,
    })
    const shared = { connection: this.#client, prefix, skipVersionCheck: true }
    this.#queue = new Queue(QUEUE, {
      ...shared,
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: { removeOnComplete: true },
    })
    this.#worker = new Worker(QUEUE, null, {
      ...shared,
      autorun: false,
      lockDuration: config.leaseMs,
      stalledInterval: Math.min(MAX_STALLED_CHECK_MS, config.leaseMs / RENEWALS),
      // A process that dies is no fault of the job, however often it happens.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
    })
    this.lockKey = this.#queue.toKey(`${JOB}:lock`)
    // What fails is said by those who wait for it.
    this.#client.on('error', ignore)
    this.#queue.on('error', ignore)
    this.#worker.on('error', ignore)
  }

  /** Rejects with `STATE_LOCKED` where another process gives signs of life. */
  static async take(options: TurnOptions): Promise<Turn> {
    const turn = new Turn(options)
    try {
      await turn.#take()
      return turn
    } catch (error) {
      await turn.close()
      throw error
    }
  }

  /** Gives the job up: it is done, or the next command goes on with what is left. */
  async close(): Promise<void> {
    clearInterval(this.#renewing)
    // Where the lock is lost, the job is another's by now or will be.
    await this.#atMost(this.#job?.moveToCompleted('', this.token, false))
    await this.#atMost(this.#worker.close(true))
    await this.#atMost(this.#queue.close())
    this.#client.disconnect()
  }

  async #take(): Promise<void> {
    const { config } = this.#options
    const self = { holder: await thisClaimant(), token: this.token }
    await this.#worker.startStalledCheckTimer()
    const job = await this.#claim(self)
    this.#job = job
    this.#renewing = setInterval(() => {
      // Tried again the next time; a lock that is lost shows when something is noted.
      void job.extendLock(this.token, config.leaseMs).catch(() => undefined)
    }, config.leaseMs / RENEWALS)
    crashPoint('replay-claimed')
    // Added by another one that has asked for it.
    if (job.data.token !== this.token) await job.updateData(self)
  }

  async #claim(self: TurnData): Promise<Job<TurnData>> {
    const { clock, signal, config } = this.#options
    const deadline = clock.monotonic() + 2 * config.leaseMs + GRACE_MS
    let left = Infinity
    for (;;) {
      signal.throwIfAborted()
      await this.#queue.add('dead letters', self, { jobId: JOB })
      const job = (await this.#worker.getNextJob(this.token, { block: false })) as Job<TurnData> | undefined
      if (job !== undefined) return job
      const other = await this.#queue.getJob(JOB)
      if (await isFreed(other)) continue
      // Only a sign of life makes it longer.
      const lock = await this.#client.pttl(this.lockKey)
      if (lock > left) throw locked(other)
      if (clock.monotonic() > deadline) throw withheld(this.#queue)
      if (left === Infinity) this.#sayWaiting(lock)
      left = lock
      await clock.sleep(LOOK_MS, signal)
    }
  }

  #sayWaiting(leftMs: number): void {
    const seconds = Math.ceil(Math.max(leftMs, LOOK_MS) / 1000)
    const what = `another process was replaying or purging these dead letters; this one goes on in ${seconds} s if that is dead`
    this.#options.logger.warn({ code: 'STATE_LOCKED' }, what)
  }

  async #atMost(closing: Promise<unknown> | undefined): Promise<void> {
    if (closing === undefined) return
    const over = new AbortController()
    const late = this.#options.clock.sleep(DISCONNECT_MS, over.signal)
    await Promise.race([closing, late]).catch(() => undefined)
    over.abort()
    await late.catch(() => undefined)
  }
}

function ignore(): void {
  // Nothing waits for it.
}

/** Takes the job from a process of this machine that is dead, so that nobody waits for its lock. */
async function isFreed(job: Job<TurnData> | undefined): Promise<boolean> {
  const { holder, token } = job?.data ?? {}
  if (holder === undefined || token === undefined || !isGone(holder, await thisClaimant())) return false
  return job!.moveToWait(token).then(
    () => true,
    () => false,
  )
}

function locked(job: Job<TurnData> | undefined): RetriableError {
  const by = nameOf(job?.data.holder)
  return new RetriableError('STATE_LOCKED', `${by} is replaying or purging these dead letters`, {
    hint: 'let it finish, or stop it; what it has replayed is not replayed again',
  })
}

function withheld(queue: Queue): RetriableError {
  return new RetriableError('STATE_LOCKED', `BullMQ does not hand out the job ${JOB} of ${queue.qualifiedName}`, {
    hint: 'resume the queue if somebody has paused it',
  })
}
