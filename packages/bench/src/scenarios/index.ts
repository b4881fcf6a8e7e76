import type { CostScenarioName, LatencyScenarioName } from '../options.ts'
import type { LatencyScenario } from '../latency/latency-scenario.ts'
import type { Scenario } from '../scenario.ts'
import { fileToKafka } from './file-to-kafka.ts'
import { kafkaToFile } from './kafka-to-file.ts'
import { kafkaToHttp } from './kafka-to-http.ts'
import { kafkaToKafka } from './kafka-to-kafka.ts'
import { kafkaToOpenSearch } from './kafka-to-opensearch.ts'
import { latencyFile } from './latency-file.ts'
import { latencyHttp } from './latency-http.ts'

/** What is measured by its cost. */
export const scenarios: Readonly<Record<CostScenarioName, Scenario>> = {
  'kafka-to-http': kafkaToHttp,
  'kafka-to-opensearch': kafkaToOpenSearch,
  'kafka-to-file': kafkaToFile,
  'file-to-kafka': fileToKafka,
  'kafka-to-kafka': kafkaToKafka,
}

/** What is measured by how long records take. */
export const latencyScenarios: Readonly<Record<LatencyScenarioName, LatencyScenario>> = {
  'latency-http': latencyHttp,
  'latency-file': latencyFile,
}
