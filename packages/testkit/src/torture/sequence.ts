/** Where a record comes from and which one of it it is: lanes are partitions or files, numbers begin with 0. */
export interface Place {
  readonly lane: number
  readonly seq: number
}

/** A record as JSON: its place, then what the pipeline needs besides. */
export function recordText({ lane, seq }: Place, extra = ''): string {
  return `{"lane":${lane},"seq":${seq}${extra}}`
}

// The JSON may stand within a string of another.
const LANE = /\\?"lane\\?"\s*:\s*\\?"?(\d+)/
const SEQ = /\\?"seq\\?"\s*:\s*\\?"?(\d+)/

/** The place in a record that was read back, whatever stands around it; undefined where there is none. */
export function placeIn(text: string): Place | undefined {
  const lane = LANE.exec(text)
  const seq = SEQ.exec(text)
  return lane === null || seq === null ? undefined : { lane: Number(lane[1]), seq: Number(seq[1]) }
}

/** What the destination holds, against what was sent. */
export interface SequenceVerdict {
  readonly sent: number
  /** Distinct records of those that were sent. */
  readonly arrived: number
  readonly lost: number
  /** Copies beyond the first. */
  readonly doubled: number
  /** Records whose first copy stands behind a later one of its lane, in the same partition or file. */
  readonly reordered: number
  /** Records that nobody sent, or that do not tell their place. */
  readonly foreign: number
  /** The first few that are wrong, for people. */
  readonly examples: readonly string[]
}

const EXAMPLES = 10

/** Takes the records of a destination in the order in which they stand there. */
export class SequenceCheck {
  readonly #seen: Set<number>[] = []
  /** The highest number so far, by partition or file and lane. */
  readonly #highest = new Map<string, number[]>()
  readonly #examples: string[] = []
  #arrived = 0
  #doubled = 0
  #reordered = 0
  #foreign = 0

  /** Distinct records so far. */
  get arrived(): number {
    return this.#arrived
  }

  /** `where` is the partition or file of the destination; order is looked at within it, if it has one. */
  saw(place: Place | undefined, where: string | undefined): void {
    if (place === undefined) return this.sawForeign('a record without lane and number')
    const { lane, seq } = place
    const seen = (this.#seen[lane] ??= new Set<number>())
    if (seen.has(seq)) {
      this.#doubled++
      this.#note(`doubled: lane ${lane} number ${seq}${where === undefined ? '' : ` in ${where}`}`)
      return
    }
    seen.add(seq)
    this.#arrived++
    if (where !== undefined) this.#checkOrder(place, where)
  }

  sawForeign(what: string): void {
    this.#foreign++
    this.#note(`foreign: ${what}`)
  }

  /** `sent` is how many records each lane was given. */
  verdict(sent: readonly number[]): SequenceVerdict {
    const lost: string[] = []
    let missing = 0
    for (const [lane, count] of sent.entries()) {
      for (let seq = 0; seq < count; seq++) {
        if (this.#seen[lane]?.has(seq) === true) continue
        if (missing++ < EXAMPLES) lost.push(`lost: lane ${lane} number ${seq}`)
      }
    }
    const total = sent.reduce((sum, count) => sum + count, 0)
    const arrived = total - missing
    return {
      sent: total,
      arrived,
      lost: missing,
      doubled: this.#doubled,
      reordered: this.#reordered,
      foreign: this.#foreign + this.#arrived - arrived,
      examples: [...lost, ...this.#examples],
    }
  }

  #checkOrder({ lane, seq }: Place, where: string): void {
    let highest = this.#highest.get(where)
    if (highest === undefined) this.#highest.set(where, (highest = []))
    const before = highest[lane] ?? -1
    if (seq > before) {
      highest[lane] = seq
      return
    }
    this.#reordered++
    this.#note(`reordered: lane ${lane} number ${seq} behind ${before} in ${where}`)
  }

  #note(what: string): void {
    if (this.#examples.length < EXAMPLES) this.#examples.push(what)
  }
}
