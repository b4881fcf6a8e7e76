/** Positions of replays in a sink that holds positions beside its data. */
export const REPLAY_STREAM = 'connect-run/replayed-dead-letters'

/** Whether a position is of a replay, and not of the pipeline. */
export function isReplayPosition({ stream }: { readonly stream: string }): boolean {
  return stream === REPLAY_STREAM
}
