/** Something that can be made to fail for a while. */
export interface FaultSwitch {
  /** Short and unique among those used together: `broker-kill`. */
  readonly name: string
  /** What it does, in one sentence. */
  readonly does: string
  /** Resolves when the fault is there. */
  on(): Promise<void>
  /** Resolves when everything works as before; does nothing where the fault is not on. */
  off(): Promise<void>
}

/** Runs something while a fault is on. */
export async function during<T>(fault: FaultSwitch, work: () => Promise<T>): Promise<T> {
  await fault.on()
  try {
    return await work()
  } finally {
    await fault.off()
  }
}
