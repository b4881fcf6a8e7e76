import { printable } from './printable.ts'
import type { Screen } from './screen.ts'
import { amount } from './table.ts'

export interface ReplayLook {
  readonly replayed: number
  readonly failed: number
  readonly notPassed: number
  /** What the sink waits for. */
  readonly problem: string | undefined
}

export interface ReplayProgressOptions {
  readonly screen: Screen
  readonly total: number
  /** Milliseconds that only go forward. */
  readonly now: () => number
  readonly look: () => ReplayLook
}

/** Between two pictures on a terminal, and between two lines elsewhere. */
const PICTURE_MS = 200
const LINE_MS = 5000

/** Shows how far a replay is until it is stopped: a live line on a terminal, a line now and then elsewhere. */
export function replayProgress({ screen, total, now, look }: ReplayProgressOptions): { stop(): void } {
  const began = now()
  const show = (): void => {
    const line = progressLine(look(), total, now() - began)
    if (screen.isTerminal) screen.setLive([line.slice(0, screen.columns - 1)])
    else screen.line(line)
  }
  const timer = setInterval(show, screen.isTerminal ? PICTURE_MS : LINE_MS)
  return {
    stop() {
      clearInterval(timer)
      if (screen.isTerminal) screen.setLive([])
    },
  }
}

export function progressLine({ replayed, failed, notPassed, problem }: ReplayLook, total: number, ms: number): string {
  const done = replayed + failed + notPassed
  const share = total === 0 ? 100 : Math.floor((done * 100) / total)
  const rate = ms < 1000 ? '' : `, ${amount(Math.round((done * 1000) / ms))}/s`
  const again = failed === 0 ? '' : `, ${amount(failed)} failed again`
  const trouble = problem === undefined ? '' : `  waiting: ${printable(problem)}`
  return `replaying  ${amount(done)} of ${amount(total)} (${share} %)${rate}${again}${trouble}`
}
