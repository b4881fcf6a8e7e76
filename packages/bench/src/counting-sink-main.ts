// The counting sink as a process of its own, led by its parent over IPC, which also hands it the socket to listen on.
import type { Server } from 'node:net'
import { createCountingSink } from './counting-sink.ts'
import type { SinkQuestion, SinkReport } from './sink-process.ts'

const sink = createCountingSink(Date.now)
let cpuAtReset = process.cpuUsage()

function report(): SinkReport {
  const { user, system } = process.cpuUsage(cpuAtReset)
  return { tally: sink.tally(), latencies: sink.latencies(), cpuSeconds: (user + system) / 1e6 }
}

process.on('message', (question: SinkQuestion, socket?: Server) => {
  if (question.ask === 'listen') {
    sink.server.listen(socket, () => process.send!(report()))
    return
  }
  if (question.ask === 'reset') {
    sink.reset(question)
    cpuAtReset = process.cpuUsage()
  } else if (question.ask === 'watch') sink.watchLatency(question.from)
  process.send!(report())
})
process.on('disconnect', () => process.exit())
