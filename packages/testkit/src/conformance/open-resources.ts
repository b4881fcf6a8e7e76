import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'

/**
 * Timers, sockets, servers, child processes, watchers and workers opened since the watch began. Counting what the
 * process has open before and after would not do: timers of others, which end meanwhile, hide what is left.
 */
export interface ResourceWatch {
  /** Rejects where something that keeps the process alive is still open; closing may take a moment. Ends the watch. */
  assertAllClosed(): Promise<void>
}

const watched =
  /^(Timeout|TCPWRAP|TCPSERVERWRAP|PIPEWRAP|PIPESERVERWRAP|PROCESSWRAP|UDPWRAP|FSEVENTWRAP|STATWATCHER|SIGNALWRAP|WORKER)$/
const SETTLE_MS = 2000

interface Resource {
  hasRef?(): boolean
}

/** `settleMs`: how long closing may take. */
export function watchResources(settleMs: number = SETTLE_MS): ResourceWatch {
  const open = new Map<number, readonly [kind: string, resource: Resource]>()
  const hook = createHook({
    init: (id, kind, _trigger, resource) => {
      if (watched.test(kind)) open.set(id, [kind, resource])
    },
    destroy: (id) => {
      open.delete(id)
    },
  })
  hook.enable()
  const left = (): string[] =>
    [...open.values()].filter(([, resource]) => resource.hasRef?.() !== false).map(([kind]) => kind)
  return {
    assertAllClosed: async () => {
      const deadline = performance.now() + Math.min(settleMs, SETTLE_MS)
      while (left().length > 0 && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve))
      hook.disable()
      assert.deepEqual(left(), [], `left open: ${left().join(', ')}`)
    },
  }
}
