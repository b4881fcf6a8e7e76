import type { ParkedFate, ParkedRecord } from '@connect-run/core/runtime'

interface Waiting {
  readonly record: ParkedRecord
  readonly resolve: (fate: ParkedFate) => void
}

/** How long the first of some records waits for company, in milliseconds. */
const LINGER_MS = 10

/** Brings single jobs together, so that the sink gets batches. */
export class JobBatches {
  readonly #attempt: (records: readonly ParkedRecord[]) => Promise<readonly ParkedFate[]>
  readonly #most: number
  #waiting: Waiting[] = []
  readonly #underWay = new Set<Waiting>()
  #timer: NodeJS.Timeout | undefined

  /** `attempt` must not reject. */
  constructor(attempt: (records: readonly ParkedRecord[]) => Promise<readonly ParkedFate[]>, most: number) {
    this.#attempt = attempt
    this.#most = most
  }

  /** Resolves when the record was tried, together with others. */
  attempt(record: ParkedRecord): Promise<ParkedFate> {
    return new Promise((resolve) => {
      this.#waiting.push({ record, resolve })
      if (this.#waiting.length >= this.#most) void this.#send()
      else this.#timer ??= setTimeout(() => void this.#send(), LINGER_MS)
    })
  }

  /** Nobody waits any longer for attempts under way: what comes of them is not known. */
  abandon(): void {
    for (const { resolve } of this.#underWay) resolve('untried')
  }

  async #send(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const sent = this.#waiting
    this.#waiting = []
    for (const waiting of sent) this.#underWay.add(waiting)
    const fates = await this.#attempt(sent.map(({ record }) => record))
    sent.forEach((waiting, i) => {
      this.#underWay.delete(waiting)
      waiting.resolve(fates[i] ?? 'untried')
    })
  }
}
