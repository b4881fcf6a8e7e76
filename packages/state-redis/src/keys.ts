/** Keys of a task and of its slots: all of one hash tag, so that they live in one slot of a cluster. */
export interface TaskKeys {
  /** Holds all that is kept of the task or slot: it is there as a whole, or not at all. */
  readonly state: string
  /** Names of the task and its slots, as far as they have been claimed. */
  readonly index: string
}

export function taskKeys(prefix: string, name: string): TaskKeys {
  const slot = /@\d+$/.exec(name)?.[0] ?? ''
  const root = `${prefix}:{${encodeURIComponent(name.slice(0, name.length - slot.length))}}`
  return { state: root + slot, index: `${root}:names` }
}
