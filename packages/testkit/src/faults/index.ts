export { type TcpProxy, type TcpProxyOptions, tcpProxy } from './tcp-proxy.ts'
