'use strict'

// What the container starts: the command `connect-run`, with secrets from files and an answer for the health check.
const { readFileSync, rmSync } = require('node:fs')
const { createServer } = require('node:net')
const { socketPath } = require('./health.cjs')

const secrets = '/run/secrets/'

// NAME_FILE=/run/secrets/x gives NAME what the file holds. Another NAME_FILE is a variable like any other.
for (const [variable, path] of Object.entries(process.env)) {
  if (!variable.endsWith('_FILE') || !path.startsWith(secrets)) continue
  try {
    process.env[variable.slice(0, -'_FILE'.length)] = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    process.stderr.write(`The secret that ${variable} names cannot be read: ${error.message}\n`)
    process.exit(2)
  }
}

// Answered from the worker's own event loop: one that hangs does not answer. A container that is started again may
// find the socket of its last run.
rmSync(socketPath, { force: true })
createServer((connection) => connection.end('ok\n'))
  .on('error', (error) => process.stderr.write(`There will be no health check: ${error.message}\n`))
  .listen(socketPath)
  .unref()

// oxlint-disable-next-line import/no-unassigned-import -- it is the program
require('../packages/cli/bin/connect-run.cjs')
