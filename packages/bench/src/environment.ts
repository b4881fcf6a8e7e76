import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import Kafka from '@connect-run/connector-kafka/client'
import { runCommand } from '@connect-run/testkit/services'
import { connectRunProgram } from './connect-run.ts'

/** Where and with what a benchmark ran. */
export interface Environment {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  /** Other work at the beginning: the average of the last minute. */
  readonly load: number
  readonly node: string
  /** connect-run's. */
  readonly librdkafka: string
  /** kcat and its librdkafka. */
  readonly kcat: string
  /** Of the broker, and of Kafka Connect. */
  readonly kafka: string
  /** What these run on. */
  readonly java: string
  readonly connectRun: string
  /** Its commit, with a `+` where files differ from it. */
  readonly commit: string
}

export async function describeEnvironment(kafka: string, kcat: string): Promise<Environment> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    load: loadavg()[0] ?? 0,
    node: process.versions.node,
    librdkafka: Kafka.librdkafkaVersion,
    kcat: kcatVersion(await runCommand([kcat, '-V'])),
    kafka,
    java: (await runCommand(['java', '--version'])).split('\n')[0]!,
    connectRun: (await runCommand([process.execPath, connectRunProgram, '--version'])).trim(),
    commit: await commit(),
  }
}

/** `1.7.1 (librdkafka 2.0.2)` from what `kcat -V` prints. */
export function kcatVersion(printed: string): string {
  const own = /Version (\S+)/.exec(printed)?.[1] ?? 'unknown'
  const library = /librdkafka (\S+)/.exec(printed)?.[1] ?? 'unknown'
  return `${own} (librdkafka ${library})`
}

async function commit(): Promise<string> {
  try {
    const [head, changes] = await Promise.all([
      runCommand(['git', 'rev-parse', '--short', 'HEAD']),
      runCommand(['git', 'status', '--porcelain']),
    ])
    return head.trim() + (changes === '' ? '' : '+')
  } catch {
    return 'unknown' // an archive without its history
  }
}

export function environmentLines(environment: Environment): string[] {
  const { cpu, cores, memoryGiB, kernel, load, node, librdkafka, kcat, kafka, java } = environment
  return [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, load ${load.toFixed(1)} at the beginning`,
    `connect-run ${environment.connectRun} (${environment.commit}) on node ${node} with librdkafka ${librdkafka}; kcat ${kcat}; Kafka and Kafka Connect ${kafka} on ${java}`,
  ]
}
