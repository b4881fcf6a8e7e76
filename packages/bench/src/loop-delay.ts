import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Way } from './connect-run.ts'
import { connectRunSubject } from './connect-run.ts'
import type { Bed, Course } from './turns.ts'
import { runOnce } from './turns.ts'

/** How late timers were, in milliseconds: how long the event loop was kept from what waited for it. */
export interface LoopDelay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

const preload = fileURLToPath(new URL('../bin/loop-delay.cjs', import.meta.url))

/** What comes before a program, for its event loop to be watched. */
export function loopDelayLauncher(file: string): string[] {
  return ['env', `CONNECT_RUN_BENCH_LOOP_DELAY=${file}`, process.execPath, '--require', preload]
}

export async function readLoopDelay(file: string): Promise<LoopDelay> {
  return JSON.parse(await readFile(file, 'utf8')) as LoopDelay
}

let watched = 0

/** A run of its own: watching costs. */
export async function measureLoopDelay(bed: Bed, way: Way, course: Course): Promise<LoopDelay> {
  const file = join(bed.folder, `loop-delay-${++watched}.json`)
  bed.say('  once more, for the delay of the event loop')
  await runOnce(bed, connectRunSubject(way, loopDelayLauncher(file)), course)
  return readLoopDelay(file)
}
