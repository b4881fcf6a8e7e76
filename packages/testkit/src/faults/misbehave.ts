// Loaded by `node --import` into a process that is to go wrong, see processFaults: it does what the file says that the
// variable CONNECT_RUN_MISBEHAVE names, from the moment that it says so.
import { readFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

export interface Misbehaviour {
  syncError?: boolean
  shortWrites?: boolean
  clockMs?: number
}

const RealDate = Date
const realNow = Date.now

/** How old an order may be that is obeyed. */
const FRESH_MS = 10

let known: Misbehaviour = {}
let readAt = -Infinity

/** A missing or half-written file says nothing. */
function orders(): Misbehaviour {
  if (performance.now() - readAt < FRESH_MS) return known
  readAt = performance.now()
  try {
    known = JSON.parse(readFileSync(process.env['CONNECT_RUN_MISBEHAVE'] ?? '', 'utf8')) as Misbehaviour
  } catch {
    known = {}
  }
  return known
}

function sameDateLater(): DateConstructor {
  return new Proxy(RealDate, {
    construct: (target, args: [], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [Date.now()] : args, newTarget) as Date,
    get: (target, key) =>
      key === 'now' ? () => realNow() + (orders().clockMs ?? 0) : (Reflect.get(target, key) as unknown),
  })
}

type Sync = FileHandle['sync']
type Write = (bytes: Buffer, from?: number, length?: number, at?: number | null) => Promise<unknown>
type WriteV = (parts: readonly Buffer[], at?: number | null) => Promise<unknown>

function failing(name: string, real: Sync): Sync {
  return function sync(this: FileHandle) {
    if (orders().syncError !== true) return real.call(this)
    return Promise.reject(
      Object.assign(new Error(`EIO: i/o error, ${name}`), { code: 'EIO', errno: -5, syscall: name }),
    )
  }
}

function short(real: Write): Write {
  // oxlint-disable-next-line max-params -- the signature is Node's
  return function write(this: FileHandle, bytes, from = 0, length = bytes.length - from, at = null) {
    return real.call(this, bytes, from, orders().shortWrites === true ? Math.ceil(length / 2) : length, at)
  }
}

function shortV(real: WriteV, write: Write): WriteV {
  return function writev(this: FileHandle, parts, at = null) {
    if (orders().shortWrites !== true) return real.call(this, parts, at)
    return write.call(this, Buffer.concat(parts), 0, undefined, at)
  }
}

async function patchFiles(): Promise<void> {
  const handle = await open('/dev/null')
  const files = Object.getPrototypeOf(handle) as { sync: Sync; datasync: Sync; write: Write; writev: WriteV }
  await handle.close()
  files.sync = failing('fsync', files.sync)
  files.datasync = failing('fdatasync', files.datasync)
  files.write = short(files.write)
  files.writev = shortV(files.writev, files.write)
}

await patchFiles()
globalThis.Date = sameDateLater()
