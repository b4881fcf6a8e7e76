import type { Scenario } from '../scenario.ts'
import type { ScenarioName } from '../options.ts'
import { fileToKafka } from './file-to-kafka.ts'
import { kafkaToFile } from './kafka-to-file.ts'
import { kafkaToHttp } from './kafka-to-http.ts'

export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  'kafka-to-http': kafkaToHttp,
  'kafka-to-file': kafkaToFile,
  'file-to-kafka': fileToKafka,
}
