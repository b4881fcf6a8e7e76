export { type SmallDisk, smallDisk } from './disk.ts'
export { type FaultSwitch, during } from './fault-switch.ts'
export { HttpProxy, type HttpProxyOptions, httpProxy, serverFaults } from './http-proxy.ts'
export {
  brokerFaults,
  growTopic,
  leaderKill,
  rebalanceStorm,
  recreateTopic,
  resetOffsets,
  rollingRestart,
} from './kafka.ts'
export { killNow, suspension } from './process.ts'
export { type ProcessFaults, processFaults } from './process-faults.ts'
export { redisFailover, redisFaults, redisRestartedEmpty } from './redis.ts'
export { type TcpProxy, type TcpProxyOptions, tcpProxy } from './tcp-proxy.ts'
