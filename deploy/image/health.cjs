'use strict'

// The container's health check: exit code 0 when the worker's event loop turns, otherwise 1 with the reason.
const { createConnection } = require('node:net')

const socketPath = '/tmp/connect-run-health.sock'

module.exports = { socketPath }

function check(timeoutMs) {
  setTimeout(unhealthy, timeoutMs, `no answer from the worker for ${timeoutMs} ms`)
  createConnection(socketPath)
    .on('error', (error) => unhealthy(error.message))
    .on('data', () => process.exit(0))
    .on('end', () => unhealthy('the worker hung up'))
}

function unhealthy(reason) {
  process.stderr.write(`unhealthy: ${reason}\n`)
  process.exit(1)
}

if (require.main === module) check(4000)
