import { setMaxListeners } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { FaultSwitch } from '../faults/fault-switch.ts'
import { openEnds, type PipelineUnderTorture, type TorturedEnds } from './ends.ts'
import { feedEvenly } from './feed-evenly.ts'
import { type TortureReport, isSound } from './report.ts'
import { type PlannedFault, schedule } from './schedule.ts'
import type { Place } from './sequence.ts'
import { SupervisedWorker, type WorkerExit } from './supervised-worker.ts'
import { torturedConfig } from './tortured-config.ts'

export interface TortureOptions {
  /** The user's config, a path. */
  readonly file: string
  readonly pipelines: readonly PipelineUnderTorture[]
  /** What starts the command `connect-run`. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** How many records each pipeline gets, spread over the whole time. */
  readonly records: number
  /** How long the load lasts, in milliseconds; the end comes when everything has arrived. */
  readonly forMs: number
  readonly seed: number
  /** How many times a worker is killed. */
  readonly kills: number
  /** How many times one is suspended, for up to 15 s. Default 0. */
  readonly suspends?: number
  /** How many workers run the config at the same time. Default 1. */
  readonly workers?: number
  /** What fails for a while, one after the other; faults of the ends come on top. */
  readonly faults?: readonly FaultSwitch[]
  /** Whether the servers that sinks write to by HTTP fail as well. Default false. */
  readonly serverFaults?: boolean
  /** Default `file:` in a folder of the run's own. */
  readonly stateUrl?: string
  /** Added to each record, as JSON members. Default none. */
  readonly members?: Readonly<Record<string, unknown>>
  /** So long without a movement is a silent stop, in milliseconds. Default 60,000. */
  readonly stallMs?: number
  /** Where lines about what happens go. Default nowhere. */
  readonly say?: (line: string) => void
  /** Ends the load early. */
  readonly signal?: AbortSignal
}

const LANES = 4
const SUSPEND_MS = 15_000
const SWITCH_MS = 8_000
const TICK_MS = 100
const GRACE_MS = 60_000
/** So many ends of its own in a row mean that the worker can't work at all. */
const MOST_OWN_EXITS = 5

/** Runs the pipelines under load while workers and servers fail by the schedule of the seed, and checks what arrived. */
export async function torture(options: TortureOptions): Promise<TortureReport> {
  const folder = await mkdtemp(join(tmpdir(), 'connect-run-torture-'))
  const opened: TorturedEnds[] = []
  const id = `torture-${process.pid}-${Date.now().toString(36)}`
  const config = join(dirname(resolve(options.file)), `.${basename(options.file)}.${id}.yaml`)
  try {
    for (const pipeline of options.pipelines) {
      const extra = membersText(options.members)
      const broken = options.serverFaults ?? false
      opened.push(await openEnds(pipeline, { folder, id, lanes: LANES, extra, broken }))
    }
    const text = torturedConfig(await readFile(options.file, 'utf8'), {
      name: id,
      stateUrl: options.stateUrl ?? `file:${join(folder, 'state')}`,
      pipelines: opened.map(({ config: own }) => own),
    })
    await writeFile(config, text)
    return await new Run(options, opened, config).report()
  } finally {
    await rm(config, { force: true })
    await Promise.all(opened.map((ends) => ends.close()))
    await rm(folder, { recursive: true, force: true })
  }
}

function membersText(members: TortureOptions['members'] = {}): string {
  return Object.entries(members)
    .map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`)
    .join('')
}

async function described({ pipeline, destination }: TorturedEnds): Promise<string> {
  const where = await destination.describe?.().catch((error: unknown) => String(error))
  return where === undefined ? pipeline : `${pipeline} (${where})`
}

class Run {
  readonly #options: TortureOptions
  readonly #ends: readonly TorturedEnds[]
  readonly #faults: ReadonlyMap<string, FaultSwitch>
  readonly #workers: readonly SupervisedWorker[]
  readonly #done: Record<string, number> = {}
  readonly #silentStops: string[] = []
  readonly #sent: number[] = Array.from({ length: LANES }, () => 0)
  readonly #begin = performance.now()
  #ownExits = 0
  #given: Error | undefined

  constructor(options: TortureOptions, ends: readonly TorturedEnds[], config: string) {
    this.#options = options
    this.#ends = ends
    const switches = [...(options.faults ?? []), ...ends.flatMap(({ faults }) => faults)]
    this.#faults = new Map(switches.map((fault) => [fault.name, fault]))
    const { command, env, workers = 1 } = options
    const place = {
      command: [...command, config, '--log-format', 'json'],
      cwd: process.cwd(),
      env: { ...env, NO_COLOR: '1' },
      onOwnExit: (exit: WorkerExit) => this.#ownExit(exit),
    }
    this.#workers = Array.from({ length: workers }, () => new SupervisedWorker(place))
  }

  async report(): Promise<TortureReport> {
    const { seed } = this.#options
    for (const worker of this.#workers) worker.start()
    try {
      await this.#underLoad()
      await this.#settle()
    } finally {
      const exits = await Promise.all(this.#workers.map((worker) => worker.stop(GRACE_MS)))
      for (const { code, signal, output } of exits) {
        // One that stood by while another did the work says so by its code.
        const isWell = code === 0 || (this.#workers.length > 1 && code !== null)
        if (!isWell) this.#silentStops.push(`asked to stop, it ended with ${code ?? signal}:\n${output}`)
      }
    }
    await this.#checkFeeds()
    const pipelines = await Promise.all(
      this.#ends.map(async ({ pipeline, pair, once, destination }) => {
        const check = await destination.readBack()
        return { pipeline, pair, once, ...check.verdict(this.#sent) }
      }),
    )
    const ok = pipelines.every(isSound) && this.#silentStops.length === 0
    const elapsedMs = Math.round(performance.now() - this.#begin)
    return { seed, elapsedMs, faults: this.#done, silentStops: this.#silentStops, pipelines, ok }
  }

  /** What the feed itself has lost or doubled is not the pipeline's. */
  async #checkFeeds(): Promise<void> {
    const total = this.#total
    for (const { pipeline, feed } of this.#ends) {
      const length = await feed.length()
      if (length !== total) throw new Error(`the source of ${pipeline} has ${length} records, and ${total} were sent`)
    }
  }

  get #total(): number {
    return this.#sent.reduce((sum, count) => sum + count, 0)
  }

  /** Sends evenly over the time while the faults come by their schedule. */
  async #underLoad(): Promise<void> {
    const { forMs, seed, kills, suspends = 0, workers = 1, signal } = this.#options
    const switches = [...this.#faults.keys()]
    const times = { suspendMs: SUSPEND_MS, switchMs: SWITCH_MS }
    const planned = schedule({ seed, forMs, kills, suspends, workers, switches, ...times })
    const ended = new AbortController()
    setMaxListeners(planned.length + 10, ended.signal)
    const endEarly = (): void => ended.abort()
    signal?.addEventListener('abort', endEarly)
    const stop = ended.signal
    const faults = Promise.all(planned.map((fault) => this.#suffer(fault, stop)))
    try {
      await this.#feed(stop)
      await faults
    } finally {
      ended.abort()
      signal?.removeEventListener('abort', endEarly)
      await faults.catch(() => undefined)
      for (const fault of this.#faults.values()) await fault.off()
    }
  }

  async #feed(signal: AbortSignal): Promise<void> {
    const { records, forMs } = this.#options
    await feedEvenly({ records, forMs, signal }, async (count) => {
      if (this.#given !== undefined) throw this.#given
      const places = this.#next(count)
      await Promise.all(this.#ends.map(({ feed }) => feed.send(places)))
    })
  }

  #next(count: number): Place[] {
    return Array.from({ length: count }, () => {
      const lane = this.#sent.indexOf(Math.min(...this.#sent))
      return { lane, seq: this.#sent[lane]!++ }
    })
  }

  async #suffer(fault: PlannedFault, signal: AbortSignal): Promise<void> {
    const late = Math.max(0, fault.atMs - (performance.now() - this.#begin))
    await delay(late, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    if (fault.kind === 'kill') {
      this.#count('kill -9')
      await this.#workers[fault.worker]!.kill()
    } else if (fault.kind === 'suspend') await this.#suspend(fault.worker, fault.forMs, signal)
    else await this.#switch(this.#faults.get(fault.name)!, fault.forMs, signal)
  }

  async #suspend(index: number, forMs: number, signal: AbortSignal): Promise<void> {
    this.#count('suspend')
    await this.#workers[index]!.suspend(forMs, signal)
  }

  async #switch(fault: FaultSwitch, forMs: number, signal: AbortSignal): Promise<void> {
    this.#count(fault.name)
    this.#options.say?.(`${fault.name} for ${forMs} ms: ${fault.does}`)
    await fault.on()
    await delay(forMs, undefined, { signal }).catch(() => undefined)
    await fault.off()
  }

  #count(what: string): void {
    this.#done[what] = (this.#done[what] ?? 0) + 1
  }

  /** Waits until every pipeline has brought everything; one that does not move is a silent stop, and is killed once. */
  async #settle(): Promise<void> {
    for (let attempt = 1; attempt <= 2; attempt++) {
      const late = await Promise.all(this.#ends.map((ends) => this.#arrives(ends)))
      const stopped = this.#ends.filter((_, index) => !late[index])
      if (stopped.length === 0) return
      const names = (await Promise.all(stopped.map(described))).join('; ')
      const outputs = this.#workers.map(({ output }) => output).join('\n')
      this.#silentStops.push(`${names}: nothing moved any more; the worker's last words:\n${outputs}`)
      if (attempt === 1) for (const worker of this.#workers) await worker.kill()
    }
  }

  /** False where nothing has moved for `stallMs`. */
  async #arrives({ destination }: TorturedEnds): Promise<boolean> {
    const { stallMs = 60_000 } = this.#options
    let before = -1
    let movedAt = performance.now()
    let isRead = false
    while (performance.now() - movedAt < stallMs) {
      if (this.#given !== undefined) throw this.#given
      const progress = await destination.progress().catch(() => before)
      if (progress !== before) {
        before = progress
        movedAt = performance.now()
        isRead = false
      } else if (!isRead && performance.now() - movedAt > 1000) {
        if ((await destination.readBack()).arrived >= this.#total) return true
        isRead = true
      }
      await delay(TICK_MS)
    }
    return false
  }

  #ownExit({ code, signal, output }: WorkerExit): void {
    this.#silentStops.push(`the worker ended by itself with ${code ?? signal}:\n${output}`)
    if (++this.#ownExits < MOST_OWN_EXITS) return
    for (const worker of this.#workers) worker.giveUp()
    this.#given = new Error(`the worker ended by itself ${MOST_OWN_EXITS} times; it printed:\n${output}`)
  }
}
