export { ensureSystemPackages, findProgram, installCommand } from '../../setup/system-packages.mjs'
export { cached, cacheFolder } from './cache-folder.ts'
export { issueCertificates } from './certificates.ts'
export type { Certificates } from './certificates.ts'
export { freePort } from './free-port.ts'
export { influxDbAt, startInfluxDb } from './influxdb.ts'
export type { InfluxDb, InfluxDbServer, InfluxSeries } from './influxdb.ts'
export { startKafka } from './kafka-cluster.ts'
export type { KafkaBroker, KafkaCluster, KafkaOptions } from './kafka-cluster.ts'
export { startKafkaConnect } from './kafka-connect.ts'
export type { ConnectorSpec, ConnectorStatus, KafkaConnect, KafkaConnectOptions } from './kafka-connect.ts'
export type { KafkaSecurity } from './kafka-security.ts'
export { kafkaSoftware } from './kafka-software.ts'
export type { KafkaSoftware, KafkaVersion } from './kafka-software.ts'
export { brokerCount, kafkaAt } from './kafka-topics.ts'
export type {
  ClientProperties,
  ConsumedRecord,
  ConsumeOptions,
  KafkaTopics,
  Offsets,
  ProducedRecord,
  TopicOptions,
} from './kafka-topics.ts'
export { kcatProgram } from './kcat.ts'
export { runCommand } from './run-command.ts'
export type { CommandOptions } from './run-command.ts'
export { redisCommand } from './redis-command.ts'
export type { RedisReply } from './redis-command.ts'
export { startRedis } from './redis.ts'
export type { RedisOptions, RedisServer } from './redis.ts'
export { startRedisCluster, startRedisSentinels } from './redis-groups.ts'
export type { RedisCluster, RedisSentinels } from './redis-groups.ts'
export { service } from './service.ts'
export type { ServiceRequest, TestService } from './service.ts'
export { ServiceProcess } from './service-process.ts'
export type { ServiceSpec } from './service-process.ts'
export { isServiceUnavailable, ServiceUnavailableError } from './service-unavailable.ts'
export { openServiceDesk } from './shared-services.ts'
export type { ServiceName } from './shared-services.ts'
