/** The part of a V8 CPU profile that is needed here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
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
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
  const micros = new Map<string, number>()
  for (let i = 0; i < samples.length; i++) {
    const place = places.get(samples[i]!) ?? '(unknown)'
    micros.set(place, (micros.get(place) ?? 0) + (timeDeltas[i] ?? 0))
  }
  micros.delete('(idle)')
  const times = [...micros].map(([place, value]) => ({ place, seconds: value / 1e6 }))
  return times.sort((one, other) => other.seconds - one.seconds)
}

function placeOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName || '(anonymous)'
  if (url === '') return name
  const file = url.split('/').slice(-3).join('/')
  return `${name} ${file}:${lineNumber + 1}`
}
