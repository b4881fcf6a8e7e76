import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { SinkBench, temporaryFolder } from './support.ts'

const command = fileURLToPath(new URL('../../../../packages/cli/bin/connect-run.cjs', import.meta.url))
const LINES = 20_000
const expected = Array.from(
  { length: LINES },
  (_, i) => `line ${String(i).padStart(6, '0')} of a file that is too large`,
)

let folder: string
let disk: string
let output: string
let worker: ChildProcess | undefined
let isMounted = false

beforeEach(() => {
  folder = temporaryFolder()
  disk = path.join(folder, 'disk')
  mkdirSync(disk)
  mount()
  writeFileSync(path.join(folder, 'in.txt'), `${expected.join('\n')}\n`)
  output = ''
})

afterEach(async () => {
  try {
    await kill()
  } finally {
    if (isMounted) execFileSync('umount', ['--lazy', disk])
    isMounted = false
    rmSync(folder, { recursive: true, force: true })
  }
})

/** Not skipped where it isn't allowed: a full disk that nothing was written to proves nothing. */
function mount(): void {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'pipe' })
    isMounted = true
  } catch (cause) {
    throw new Error('this test mounts a tmpfs of 1 MB: run it on Linux as root, or with CAP_SYS_ADMIN', { cause })
  }
}

async function kill(): Promise<void> {
  if (worker === undefined || worker.exitCode !== null || worker.signalCode !== null) return
  worker.kill('SIGKILL')
  await once(worker, 'exit')
}

function start(rotate: string): void {
  const config = `
name: full-disk
state: { url: file:./state }
pipelines:
  copy:
    source: { connector: file, path: ./in.txt }
    sink:
      connector: file
      path: ./disk/out.txt
      ${rotate}
      batch: { maxRecords: 500 }
`
  writeFileSync(path.join(folder, 'config.yaml'), config)
  const args = [command, 'config.yaml', '--once', '--log-format', 'json']
  worker = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  worker.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  worker.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()))
}

/** Leaves so many bytes on the disk. */
function fill(left: number): void {
  writeFileSync(path.join(disk, 'ballast'), Buffer.alloc(1024 * 1024 - left))
}

const free = (): void => truncateSync(path.join(disk, 'ballast'), 0)

async function isFull(): Promise<void> {
  await pollUntil(() => output.includes('DISK_FULL') || worker!.exitCode !== null, { what: 'DISK_FULL' })
  expect({ code: worker!.exitCode, output }).toEqual({ code: null, output: expect.stringContaining('DISK_FULL') })
}

async function endsWell(): Promise<void> {
  if (worker!.exitCode === null) await once(worker!, 'exit')
  expect({ code: worker!.exitCode, output }).toMatchObject({ code: 0 })
}

function lines(): string[] {
  return new SinkBench({ folder: disk }).allLines()
}

describe('a disk of 1 MB that is full', () => {
  it('is waited for with a clear error, and every line is there once when there is room again', async () => {
    fill(300_000)
    start('')
    await isFull()
    expect(output).toContain('the disk is full')
    expect(output).toContain('Free space there. The pipeline waits, nothing is lost, and it goes on by itself.')
    // An attempt that is under way may have written the beginning of a line, which it takes back.
    const written = readFileSync(path.join(disk, 'out.txt'), 'utf8')
    const whole = written.slice(0, written.lastIndexOf('\n')).split('\n')
    expect(whole).toEqual(expected.slice(0, whole.length))
    free()
    await endsWell()
    expect(lines()).toEqual(expected)
  })

  it('holds every line once also where the worker is killed and started on it again', async () => {
    fill(300_000)
    start('')
    await isFull()
    await kill()
    output = ''
    start('')
    await isFull()
    free()
    await endsWell()
    expect(lines()).toEqual(expected)
  })

  it('holds every line once in files that are rotated and compressed', async () => {
    fill(200_000)
    start('rotate: { size: 100KB, compression: gzip }')
    await isFull()
    await kill()
    output = ''
    start('rotate: { size: 100KB, compression: gzip }')
    await isFull()
    free()
    await endsWell()
    expect(lines()).toEqual(expected)
    const rotated = readdirSync(disk).filter((name) => /^out\.txt\.\d+/.test(name))
    expect(rotated.length).toBeGreaterThan(5)
    expect(rotated.every((name) => name.endsWith('.gz'))).toBe(true)
    expect(readFileSync(path.join(disk, 'out.txt.checkpoint'), 'utf8')).toContain('"later": []')
  })
})
