/** Knows what is being worked on, and notes what was begun while it was. */
export class InFlight {
  readonly #counts = new Map<string, number>()
  readonly #overlaps: string[] = []

  /** Whatever was begun before it had ended, once for each time. */
  get overlaps(): readonly string[] {
    return this.#overlaps
  }

  /** Returns what ends them; to be called more than once does no harm. */
  begin(names: readonly string[]): () => void {
    for (const name of names) {
      const count = this.#counts.get(name) ?? 0
      if (count > 0) this.#overlaps.push(name)
      this.#counts.set(name, count + 1)
    }
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      for (const name of names) this.#end(name)
    }
  }

  #end(name: string): void {
    const left = (this.#counts.get(name) ?? 0) - 1
    if (left > 0) this.#counts.set(name, left)
    else this.#counts.delete(name)
  }
}
