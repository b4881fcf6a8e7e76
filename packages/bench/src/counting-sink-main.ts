// The counting sink as a process of its own, led by its parent over IPC.
import type { AddressInfo } from 'node:net'
import { createCountingSink } from './counting-sink.ts'
import type { SinkQuestion, SinkReport } from './sink-process.ts'

const sink = createCountingSink(Date.now)
let cpuAtReset = process.cpuUsage()

function report(): SinkReport {
  const { user, system } = process.cpuUsage(cpuAtReset)
  return { tally: sink.tally(), cpuSeconds: (user + system) / 1e6 }
}

process.on('message', (question: SinkQuestion) => {
  if (question === 'reset') {
    sink.reset()
    cpuAtReset = process.cpuUsage()
  }
  process.send!(report())
})
process.on('disconnect', () => process.exit())

sink.server.listen(0, '127.0.0.1', () => process.send!((sink.server.address() as AddressInfo).port))
