import { readFile } from 'node:fs/promises'
import { runCommand } from '@connect-run/testkit/services'

/** What a process has used so far, all its threads together. */
export interface ProcessUsage {
  readonly userSeconds: number
  readonly systemSeconds: number
  readonly peakRssBytes: number
}

let tick: Promise<number> | undefined

/** By /proc, so on Linux only. */
export async function processUsage(pid: number): Promise<ProcessUsage> {
  tick ??= runCommand(['getconf', 'CLK_TCK']).then(Number)
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ])
  return usageOf(stat, status, await tick)
}

/** `ticks` a second is the unit of the times in `stat`. */
export function usageOf(stat: string, status: string, ticks: number): ProcessUsage {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the name before may contain anything
  return {
    userSeconds: Number(fields[11]) / ticks,
    systemSeconds: Number(fields[12]) / ticks,
    peakRssBytes: Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024,
  }
}
