import { describeStateStore } from '@connect-run/testkit/conformance'
import { service, startRedisCluster } from '@connect-run/testkit/services'
import { afterAll, beforeAll } from '@jest/globals'
import { openRedisState } from '../src/index.ts'
import { configOf } from './support.ts'
import { recordingLogger } from '@connect-run/testkit/conformance'

const redis = await service('redis')

redis.describe('on one server', () => {
  describeStateStore('the Redis store', {
    create: async () => {
      const config = configOf(redis.address)
      return { open: () => openRedisState(config, { logger: recordingLogger() }), close: async () => undefined }
    },
  })
})

redis.describe('on a cluster', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>
  beforeAll(async () => {
    cluster = await startRedisCluster()
  })
  afterAll(() => cluster.stop())

  describeStateStore('the Redis store', {
    create: async () => {
      const config = configOf(cluster.url)
      return { open: () => openRedisState(config, { logger: recordingLogger() }), close: async () => undefined }
    },
  })
})
