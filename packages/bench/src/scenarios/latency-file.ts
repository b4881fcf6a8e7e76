import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LatencyScenario, LatencySubject } from '../latency/latency-scenario.ts'
import { timedFile } from '../latency/timed-destination.ts'
import { toFilePipeline } from './kafka-to-file.ts'

/** From a topic to the lines of a file. */
export const latencyFile: LatencyScenario = {
  title: 'latency, Kafka -> file',
  setUp: ({ kcat, folder }) =>
    Promise.resolve({
      subjects: [
        { name: 'connect-run', pipelineOf: (ends) => toFilePipeline(ends) },
        { name: 'connect-run, latency: low', pipelineOf: (ends) => ({ ...toFilePipeline(ends), latency: 'low' }) },
        {
          name: 'connect-run, latency: throughput',
          pipelineOf: (ends) => ({ ...toFilePipeline(ends), latency: 'throughput' }),
        },
        kcatToFile(kcat),
      ],
      open: (id) => {
        const otherEnd = join(folder, `${id}.out`)
        const destination = timedFile(otherEnd, Date.now)
        const close = async (): Promise<void> => {
          destination.close()
          await rm(otherEnd, { force: true })
        }
        return Promise.resolve({ otherEnd, destination, close })
      },
      tearDown: async () => {},
    }),
}

/** The floor: each message is printed as it comes. */
function kcatToFile(program: string): LatencySubject {
  return {
    name: 'kcat -C -u > file',
    command: ({ bootstrap, topic, otherEnd }) => {
      const reader = [program, '-C', '-u', '-q', '-b', bootstrap, '-t', topic, '-o', 'beginning']
      return ['/bin/sh', '-c', 'exec "$@" > "$0"', otherEnd, ...reader]
    },
  }
}
