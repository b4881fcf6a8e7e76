export { type Endpoints, type EndpointsOptions, openEndpoints } from './endpoints.ts'
export type { CnosdbEnd, FileEnd, KafkaEnd, PipelineUnderTorture } from './ends.ts'
export { type PairName, type PairServers, type Pairs, pairNames, strictPairs } from './pairs.ts'
export type { PipelineReport, TortureReport } from './report.ts'
export { isSound } from './report.ts'
export { type PlannedFault, type ScheduleOptions, schedule } from './schedule.ts'
export { type Place, SequenceCheck, type SequenceVerdict, placeIn, recordText } from './sequence.ts'
export { type Subjects, subjectsOf } from './subjects.ts'
export {
  type KafkaConnectTortureOptions,
  type KafkaConnectVerdicts,
  tortureKafkaConnect,
} from './torture-kafka-connect.ts'
export { type PairsOptions, torturePairs } from './torture-pairs.ts'
export { type TortureOptions, torture } from './torture.ts'
