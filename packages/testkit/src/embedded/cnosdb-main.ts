#!/usr/bin/env node
// Runs the CnosDB stand-in as a process of its own: prints its addresses as one line of JSON and ends with its stdin.
import { startCnosdbAdmin } from './cnosdb-admin.ts'
import { startCnosdbServer } from './cnosdb-server.ts'

const port = Number(process.argv[2] ?? 0)
const server = await startCnosdbServer({ port })
const admin = await startCnosdbAdmin(server)
process.stdout.write(`${JSON.stringify({ url: server.url, adminUrl: admin.url, pid: process.pid })}\n`)

process.stdin.resume()
process.stdin.once('end', () => {
  void Promise.all([server.stop(), admin.stop()])
})
