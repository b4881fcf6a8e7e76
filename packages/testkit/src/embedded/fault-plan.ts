/**
 * What goes wrong with the next requests. `status` answers without doing anything; `hang` never answers; `reset` breaks
 * the connection before anything of the body is taken, `reset-mid-body` after a part of it; `lose-answer` does the work
 * and then breaks the connection, `cut-answer` does so in the middle of the answer; `delay` is slow and otherwise right.
 */
export type Fault = FaultKind & {
  /** How many requests; without `times` and `forMs`, until faults are cleared. */
  readonly times?: number
  /** For how long, in milliseconds from now. */
  readonly forMs?: number
  /** Which requests: writes (default), the others, or all of them. */
  readonly requests?: 'writes' | 'others' | 'all'
}

export type FaultKind =
  | {
      readonly kind: 'status'
      readonly status: number
      /** Left out: an empty body. */
      readonly errorCode?: string
      readonly message?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'reset-mid-body' }
  | { readonly kind: 'lose-answer' }
  | { readonly kind: 'cut-answer' }
  | { readonly kind: 'delay'; readonly ms: number }

interface Planned {
  readonly fault: Fault
  left: number
  readonly until: number
}

/** Faults in the order planned: the oldest that is still valid applies. */
export class FaultPlan {
  readonly #now: () => number
  #planned: Planned[] = []

  /** `now`: milliseconds that only go forward. */
  constructor(now: () => number) {
    this.#now = now
  }

  add(fault: Fault): void {
    const until = fault.forMs === undefined ? Infinity : this.#now() + fault.forMs
    this.#planned.push({ fault, left: fault.times ?? Infinity, until })
  }

  clear(): void {
    this.#planned = []
  }

  /** The fault of this request, if any; counts it. */
  take(request: 'write' | 'other'): Fault | undefined {
    const now = this.#now()
    this.#planned = this.#planned.filter((planned) => planned.left > 0 && planned.until > now)
    const found = this.#planned.find(({ fault: { requests = 'writes' } }) => [`${request}s`, 'all'].includes(requests))
    if (found !== undefined) found.left--
    return found?.fault
  }
}
