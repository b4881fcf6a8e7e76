// Appends lines as fast as it can and rotates, without regard to any reader: node rotating-writer.mjs '{"file":…}'
import { appendFileSync, copyFileSync, openSync, closeSync, renameSync, truncateSync, writeSync } from 'node:fs'
import { once } from 'node:events'

/** With `how: truncate` a message is waited for before each cut: what was not read by then is nowhere any more. */
const { file, how, generations, lines } = JSON.parse(process.argv[2])

let shifted = 0
function shift() {
  for (let n = shifted; n > 0; n--) renameSync(`${file}.${n}`, `${file}.${n + 1}`)
  shifted++
}

const rotations = {
  rename() {
    shift()
    renameSync(file, `${file}.1`)
  },
  copytruncate() {
    shift()
    copyFileSync(file, `${file}.1`)
    truncateSync(file, 0)
  },
  async truncate(generation) {
    process.send(generation)
    await once(process, 'message')
    truncateSync(file, 0)
  },
}

function writeGeneration(generation) {
  const descriptor = openSync(file, 'a')
  for (let n = 0; n < lines; n++) {
    const line = Buffer.from(`${generation}:${n} ${'ü日'.repeat(n % 13)}\n`)
    // Now and then a line comes in two pieces, within a character as well.
    const cut = n % 17 === 0 ? line.length - 3 : line.length
    writeSync(descriptor, line, 0, cut)
    if (cut < line.length) writeSync(descriptor, line, cut, line.length - cut)
  }
  closeSync(descriptor)
}

appendFileSync(file, '')
for (let generation = 0; generation < generations; generation++) {
  if (generation > 0) await rotations[how](generation)
  writeGeneration(generation)
}
if (process.connected) process.disconnect()
