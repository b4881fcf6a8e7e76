import { type Random, between, oneOf, seededRandom } from './random.ts'

/** What happens when, in milliseconds from the begin of the load. */
export type PlannedFault =
  | { readonly kind: 'kill'; readonly atMs: number; readonly worker: number }
  | { readonly kind: 'suspend'; readonly atMs: number; readonly forMs: number; readonly worker: number }
  | { readonly kind: 'switch'; readonly atMs: number; readonly forMs: number; readonly name: string }

export interface ScheduleOptions {
  readonly seed: number
  /** How long the load lasts. */
  readonly forMs: number
  readonly workers: number
  /** How many times a worker is killed. */
  readonly kills: number
  /** How many times a worker is suspended, for up to `suspendMs`. */
  readonly suspends: number
  readonly suspendMs: number
  /** The names of the faults that are switched on for a while, one after the other. */
  readonly switches: readonly string[]
  /** How long one of them lasts at most. */
  readonly switchMs: number
}

/** Kills come at any time, so also while a server is down or a worker is starting; the end of the load is spared. */
const LAST_SHARE = 0.95

/** The schedule of a seed, in the order of time. The same options give the same schedule. */
export function schedule(options: ScheduleOptions): readonly PlannedFault[] {
  const random = seededRandom(options.seed)
  const until = options.forMs * LAST_SHARE
  const worker = (): number => Math.floor(random() * options.workers)
  const planned: PlannedFault[] = []
  for (let i = 0; i < options.kills; i++) {
    planned.push({ kind: 'kill', atMs: whole(between(random, 0, until)), worker: worker() })
  }
  for (let i = 0; i < options.suspends; i++) {
    const forMs = whole(between(random, 100, options.suspendMs))
    planned.push({ kind: 'suspend', atMs: whole(between(random, 0, until)), forMs, worker: worker() })
  }
  planned.push(...switched(options, random, until))
  return planned.sort((one, other) => one.atMs - other.atMs)
}

/** One fault at a time, with as long a calm between two as a fault may last. */
function switched({ switches, switchMs }: ScheduleOptions, random: Random, until: number): PlannedFault[] {
  if (switches.length === 0) return []
  const planned: PlannedFault[] = []
  const subjects = bySubject(switches)
  for (let slot = 0; slot + switchMs * 2 <= until; slot += switchMs * 2) {
    const forMs = between(random, switchMs / 10, switchMs)
    const atMs = slot + between(random, 0, switchMs)
    planned.push({
      kind: 'switch',
      atMs: whole(atMs),
      forMs: whole(forMs),
      name: oneOf(random, oneOf(random, subjects)),
    })
  }
  return planned
}

/** `broker-kill` and `broker-stop` are of one subject: each is as likely as another, however many faults it has. */
function bySubject(names: readonly string[]): readonly (readonly string[])[] {
  const subjects = new Map<string, string[]>()
  for (const name of names) {
    const subject = name.split('-')[0]!
    subjects.set(subject, [...(subjects.get(subject) ?? []), name])
  }
  return [...subjects.values()]
}

function whole(ms: number): number {
  return Math.floor(ms)
}
