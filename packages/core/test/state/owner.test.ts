import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { mayLive, startOf, thisProcess } from '../../src/state/owner.ts'

const self = await thisProcess()
const onLinux = self.started === null ? it.skip : it

it('this process lives', async () => {
  expect(await mayLive(self)).toBe(true)
})

onLinux('a process that was killed is dead, though its parent does not look after it', async () => {
  // The parent becomes a program that never waits for a child.
  const parent = spawn('/bin/sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'])
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    const child = { ...self, pid, started: startOf(pid) }
    expect(child.started).not.toBeNull()
    expect(await mayLive(child)).toBe(true)
    process.kill(pid, 'SIGKILL')
    await pollUntil(() => readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z '))
    expect(await mayLive(child)).toBe(false)
  } finally {
    parent.kill('SIGKILL')
  }
})
