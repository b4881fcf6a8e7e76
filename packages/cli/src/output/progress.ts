import type { PipelineSnapshot } from '@connect-run/core/runtime'

import { liveLines, plainLine } from './pipeline-line.ts'
import type { Screen } from './screen.ts'

export interface ProgressOptions {
  readonly screen: Screen
  readonly snapshot: () => readonly PipelineSnapshot[]
  /** Milliseconds that only go forward. */
  readonly now: () => number
}

/** Between two pictures on a terminal, and between two lines elsewhere. */
const pictureMs = 200
const lineMs = 5000

/** Shows how far each pipeline is until it is stopped: live lines on a terminal, a line now and then elsewhere. */
export function showProgress(options: ProgressOptions): { stop(): void } {
  const { screen } = options
  const show = screen.isTerminal ? livePictures(options) : plainLines(options)
  show()
  const timer = setInterval(show, screen.isTerminal ? pictureMs : lineMs)
  return {
    stop() {
      clearInterval(timer)
      show()
      screen.release()
    },
  }
}

function livePictures({ screen, snapshot, now }: ProgressOptions): () => void {
  const rates = new Rates()
  let frame = 0
  return () => {
    frame++
    const pipelines = snapshot()
    const nameWidth = Math.max(...pipelines.map(({ name }) => name.length))
    const look = { style: screen.style, columns: screen.columns, nameWidth, frame }
    const lines = pipelines.flatMap((pipeline) => {
      const rate = rates.of(pipeline, now())
      return liveLines(pipeline, Object.assign({ rate }, look))
    })
    screen.setLive(lines)
  }
}

function plainLines({ screen, snapshot, now }: ProgressOptions): () => void {
  const rates = new Rates()
  const said = new Map<string, string>()
  return () => {
    for (const pipeline of snapshot()) {
      const text = plainLine(pipeline, rates.of(pipeline, now()))
      if (said.get(pipeline.name) !== text) screen.line(text)
      said.set(pipeline.name, text)
    }
  }
}

/** Records a second, over the last few seconds. */
class Rates {
  readonly #samples = new Map<string, { at: number; done: number }[]>()

  of({ name, ledger }: PipelineSnapshot, now: number): number {
    const samples = this.#samples.get(name) ?? []
    samples.push({ at: now, done: ledger.read - ledger.inFlight - ledger.released })
    while (samples.length > 2 && now - samples[0]!.at > lineMs) samples.shift()
    this.#samples.set(name, samples)
    const first = samples[0]!
    const last = samples.at(-1)!
    const elapsed = last.at - first.at
    return elapsed < pictureMs ? 0 : Math.max(0, ((last.done - first.done) * 1000) / elapsed)
  }
}
