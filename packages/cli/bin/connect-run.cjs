#!/usr/bin/env node
'use strict'

// Has no effect once an ES module runs, hence this file: node-rdkafka waits in this pool, and four threads are too few.
process.env.UV_THREADPOOL_SIZE ??= '16'

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')
const { setFlagsFromString } = require('node:v8')

// Batches come and go by the gigabyte while the heap stays small: marking it on four more threads costs up to half of
// all CPU time, and marking it on this one takes milliseconds (packages/core/docs/adr/20261121-marking-on-one-thread.md).
setFlagsFromString('--no-concurrent-marking')

const main = join(__dirname, '..', 'dist', 'main.js')

if (existsSync(main)) {
  import(pathToFileURL(main).href)
    .then(({ runMain }) => runMain())
    .catch((error) => {
      process.stderr.write(`connect-run could not start: ${error.message}\n`)
      process.exitCode = 3
    })
} else {
  process.stderr.write('connect-run is not built yet. In the workspace: npm run setup && npm run build\n')
  process.exitCode = 3
}
