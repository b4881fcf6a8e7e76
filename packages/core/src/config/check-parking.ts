import { mayPark } from '../delivery/parked-records.ts'
import { sinkFacts } from './guarantee.ts'
import type { Issue } from './issue.ts'
import type { PipelineConfig } from './pipeline-config.ts'
import type { StateConfig } from './state-config.ts'

/** Says where `parking` is asked for and can't be. */
export function checkParking(pipelines: readonly PipelineConfig[], state: StateConfig, issues: Issue[]): void {
  for (const { name, sink, errors } of pipelines) {
    if (sink.parking === undefined) continue
    const path = ['pipelines', name, 'sink', 'parking']
    const refuse = (message: string, hint: string): void => void issues.push({ path, message, hint, at: 'key' })
    const traits = sinkFacts({ sink })
    if (!mayPark(traits)) {
      const why = traits.ordered === true ? 'the order of writes matters to it' : 'it would show a record twice'
      const message = `records of this ${sink.plugin.name} sink can't be set aside: ${why}`
      refuse(message, 'Remove it: what the sink refuses is tried again in place.')
    }
    if (state.kind !== 'redis') refuse('needs a state in Redis', 'Set `state.url: redis://…`, or remove it.')
    if (errors.tolerance !== 'all') {
      refuse('leaves records that are out of attempts nowhere to go', 'Set `errors.tolerance: all`, or remove it.')
    }
  }
}
