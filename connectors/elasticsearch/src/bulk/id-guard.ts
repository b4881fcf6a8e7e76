import { unlessAborted } from '@connect-run/core'

/** Somebody who writes documents, or waits to. */
interface Writer {
  readonly finished: Promise<void>
}

/**
 * Sees to it that no document is written by two at once. Who wants some waits for everybody who wanted any of them
 * before, so that writes of one document happen in the order in which they were asked for, and nobody waits in a circle.
 */
export class IdGuard {
  /** Who wanted a document last. */
  readonly #last = new Map<string, Writer>()

  /** Documents that somebody writes or waits for. */
  get size(): number {
    return this.#last.size
  }

  /**
   * Resolves with what gives all of them free, which must be called once, when nobody else is writing any of them;
   * rejects with the signal's reason.
   */
  async take(ids: readonly string[], signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    let finish!: () => void
    const own: Writer = { finished: new Promise((resolve) => (finish = resolve)) }
    const before = this.#queue(ids, own)
    const release = (): void => {
      for (const id of ids) if (this.#last.get(id) === own) this.#last.delete(id)
      finish()
    }
    if (before.length === 0) return release
    const free = Promise.all(before.map(({ finished }) => finished))
    try {
      await unlessAborted(free, signal)
    } catch (error) {
      // Who waits behind must still wait for those in front.
      void free.then(release)
      throw error
    }
    return release
  }

  /** Stands in line for each document; returns those in front. */
  #queue(ids: readonly string[], own: Writer): Writer[] {
    const before = new Set<Writer>()
    for (const id of ids) {
      const other = this.#last.get(id)
      if (other === own) continue
      if (other !== undefined) before.add(other)
      this.#last.set(id, own)
    }
    return [...before]
  }
}
