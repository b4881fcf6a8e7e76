import type { LatencyScenario } from '../latency/latency-scenario.ts'
import { timedServer } from '../latency/timed-destination.ts'
import { startSink } from '../sink-process.ts'
import { httpPipeline } from './kafka-to-http.ts'

/** From a topic to the server that counts lines. */
export const latencyHttp: LatencyScenario = {
  title: 'latency, Kafka -> line protocol -> HTTP',
  setUp: async () => {
    const sink = await startSink()
    return {
      subjects: [
        { name: 'connect-run', pipelineOf: (ends) => httpPipeline(ends) },
        { name: 'connect-run, latency: low', pipelineOf: (ends) => ({ ...httpPipeline(ends), latency: 'low' }) },
        {
          name: 'connect-run, latency: throughput',
          pipelineOf: (ends) => ({ ...httpPipeline(ends), latency: 'throughput' }),
        },
      ],
      open: async () => {
        await sink.reset({ answerMs: 0 })
        return { otherEnd: sink.url, destination: timedServer(sink), close: async () => {} }
      },
      tearDown: () => sink.stop(),
    }
  },
}
