import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The stand-in in a process of its own, so that its CPU time is not the caller's. See `startCnosdbAdmin` for control. */
export interface CnosdbProcess {
  readonly url: string
  readonly adminUrl: string
  readonly pid: number
  stop(): Promise<void>
}

/** Starts it from the built package. It also ends when this process does. */
export async function startCnosdbProcess(options: { readonly port?: number } = {}): Promise<CnosdbProcess> {
  const built = import.meta.url.endsWith('.ts') ? '../../dist/embedded/cnosdb-main.js' : './cnosdb-main.js'
  const main = fileURLToPath(new URL(built, import.meta.url))
  const child = spawn(process.execPath, [main, String(options.port ?? 0)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const first = await Promise.race([once(lines, 'line'), exited.then(() => undefined)])
  lines.close()
  if (first === undefined) throw new Error(`${main} ended at once: build packages/testkit first`)
  const addresses = JSON.parse(String(first[0])) as Omit<CnosdbProcess, 'stop'>
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await exited
  }
  return { ...addresses, stop }
}
