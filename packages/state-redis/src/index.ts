export { type ClientOptions, type RedisClient, connectRedis } from './connection.ts'
export { createParkingLot } from './retry-queue/parking-lot.ts'
export { createSharedJournals } from './replay-queue/shared-journals.ts'
export { type RedisStateOptions, openRedisState } from './redis-state-store.ts'
