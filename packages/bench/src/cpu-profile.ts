export interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

/** The part of a V8 CPU profile that is needed here. The first node is the root. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: CallFrame
    /** Ids of what it called. */
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[]
}

export interface SelfTime {
  readonly place: string
  readonly seconds: number
}

/** Time on the main thread by the function that was running, longest first; waiting left out. */
export function selfTimes(profile: CpuProfile): SelfTime[] {
  const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
  const micros = new Map<string, number>()
  for (const [id, value] of microsOf(profile)) {
    const place = places.get(id) ?? '(unknown)'
    micros.set(place, (micros.get(place) ?? 0) + value)
  }
  micros.delete('(idle)')
  const times = [...micros].map(([place, value]) => ({ place, seconds: value / 1e6 }))
  return times.sort((one, other) => other.seconds - one.seconds)
}

/** Microseconds in each node itself, by its id. */
export function microsOf({ samples, timeDeltas }: Pick<CpuProfile, 'samples' | 'timeDeltas'>): Map<number, number> {
  const micros = new Map<number, number>()
  samples.forEach((id, index) => micros.set(id, (micros.get(id) ?? 0) + (timeDeltas[index] ?? 0)))
  return micros
}

/** A function and where it is. */
export function placeOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName || '(anonymous)'
  if (url === '') return name
  const file = url.split('/').slice(-3).join('/')
  return `${name} ${file}:${lineNumber + 1}`
}
