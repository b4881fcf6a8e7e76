// Required before a program: writes how late its event loop was to the file in CONNECT_RUN_BENCH_LOOP_DELAY at its end.
const { writeFileSync } = require('node:fs')
const { monitorEventLoopDelay } = require('node:perf_hooks')

const file = process.env.CONNECT_RUN_BENCH_LOOP_DELAY
const RESOLUTION_MS = 10 // as the worker's own metric
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
const late = (nanoseconds) => Math.max(0, (nanoseconds || 0) / 1e6 - RESOLUTION_MS)

// Of what is loaded at the start, nothing is to be said.
setTimeout(() => delays.enable(), 500).unref()

process.on('exit', () => {
  const figures = { p50: late(delays.percentile(50)), p99: late(delays.percentile(99)), max: late(delays.max) }
  writeFileSync(file, JSON.stringify(figures))
})
