import type { SequenceVerdict } from './sequence.ts'

export interface PipelineReport extends SequenceVerdict {
  readonly pipeline: string
  /** `kafka -> file` */
  readonly pair: string
  /** Whether this pair promises that nothing is doubled. Order is promised by all whose destination has one. */
  readonly once: boolean
}

export interface TortureReport {
  readonly seed: number
  readonly elapsedMs: number
  /** What was done, by name and number of times: `kill -9`, `suspend`, `server-503`, … */
  readonly faults: Readonly<Record<string, number>>
  /** Times that nothing moved though nothing was wrong and there was something to move, and ends that nobody asked for. */
  readonly silentStops: readonly string[]
  readonly pipelines: readonly PipelineReport[]
  /** Nothing lost, foreign or reordered, nothing doubled where that is promised, and nothing stopped by itself. */
  readonly ok: boolean
}

export function isSound(pipeline: PipelineReport): boolean {
  const { lost, foreign, reordered, doubled, once } = pipeline
  return lost === 0 && foreign === 0 && reordered === 0 && (!once || doubled === 0)
}
