#!/usr/bin/env node
// The stand-in listens on the loopback only; other containers come in at the port that CnosDB has.
import { connect, createServer } from 'node:net'
import { readFileSync } from 'node:fs'
import { startCnosdbServer } from './embedded/cnosdb-server.js'

const password = process.env.STANDIN_PASSWORD_FILE
const options = password === undefined ? {} : { password: readFileSync(password, 'utf8').trim() }
const server = await startCnosdbServer(options)
const { port } = new URL(server.url)

createServer((client) => {
  const inside = connect(Number(port), '127.0.0.1')
  for (const [from, to] of [
    [client, inside],
    [inside, client],
  ]) {
    from.on('error', () => to.destroy())
    from.pipe(to)
  }
}).listen(8902, '0.0.0.0')

process.on('SIGTERM', () => process.exit(0))
