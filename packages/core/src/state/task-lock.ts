import { randomUUID } from 'node:crypto'
import { link, readFile, readdir, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { RetriableError } from '../api/errors.ts'
import { writeDurably } from './durable-file.ts'
import { type Owner, mayLive, thisProcess } from './owner.ts'

/** The claim on a task's state. It ends with `release`, or with the process. */
export interface TaskLock {
  release(): Promise<void>
}

/** Claims that this process has given up and could not mark so: others wait for its end, it does not wait for itself. */
const givenUp = new Set<string>()

type Claim = (Owner & { readonly released: false }) | { readonly released: true }

/**
 * Claims `<name>.<n>.lock` for the next n. The file with the highest n says who holds the task: a claim is taken over
 * by making the next number, which only one process can, and a number is never used again because the highest file
 * stays, marked as released. So there is no moment at which a late contender could remove or replace a living claim.
 * Rejects with `STATE_LOCKED` (retriable) where another process holds the task, or may.
 */
export async function acquireTaskLock(
  folder: string,
  name: string,
  identify: () => Promise<Owner> = thisProcess,
): Promise<TaskLock> {
  const current = await highest(folder, name)
  if (current > 0) await refuseIfHeld(folder, name, current)
  const mine = current + 1
  const path = lockPath(folder, name, mine)
  const owner = await identify()
  if (!(await createExclusively(path, owner))) throw locked(name, 'another worker that has just claimed it', path)
  const last = await highest(folder, name)
  if (last > mine) {
    await unlink(path)
    throw locked(name, 'another worker that has just claimed it', lockPath(folder, name, last))
  }
  await removeBelow(folder, name, mine)
  return {
    release: async () => {
      givenUp.add(path)
      await replace(path, { released: true })
      givenUp.delete(path)
    },
  }
}

/** The living process that holds the task, for people; undefined: none, or it can't be told. */
export async function holderOf(folder: string, name: string): Promise<string | undefined> {
  const current = await highest(folder, name)
  const claim = current === 0 ? 'gone' : await readClaim(lockPath(folder, name, current))
  if (claim === 'gone' || claim === 'unreadable' || claim.released || !(await mayLive(claim))) return undefined
  return processOf(claim)
}

function processOf({ pid, host }: Owner): string {
  return `process ${pid} on host ${host}`
}

async function refuseIfHeld(folder: string, name: string, number: number): Promise<void> {
  const path = lockPath(folder, name, number)
  const claim = await readClaim(path)
  if (claim === 'gone') throw locked(name, 'another worker that has just claimed it', path)
  if (claim === 'unreadable') throw locked(name, 'an unknown worker', path)
  if (!claim.released && !givenUp.has(path) && (await mayLive(claim))) throw locked(name, processOf(claim), path)
}

function locked(name: string, holder: string, path: string): RetriableError {
  return new RetriableError('STATE_LOCKED', `the state of ${name} is held by ${holder}`, {
    hint: `stop that worker, or let this one stand by; if you are sure that it is gone, delete ${path}`,
  })
}

async function readClaim(path: string): Promise<Claim | 'gone' | 'unreadable'> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Claim
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : 'unreadable'
  }
}

/** A claim appears complete or not at all: it is written elsewhere and linked to its name, which must be free. */
async function createExclusively(path: string, owner: Owner): Promise<boolean> {
  const draft = `${path}.${randomUUID()}.tmp`
  try {
    await writeDurably(draft, JSON.stringify({ released: false, ...owner } satisfies Claim))
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(draft).catch(() => undefined)
  }
}

async function replace(path: string, claim: Claim): Promise<void> {
  const draft = `${path}.${randomUUID()}.tmp`
  try {
    await writeDurably(draft, JSON.stringify(claim))
    await rename(draft, path)
  } catch (error) {
    await unlink(draft).catch(() => undefined)
    throw error
  }
}

async function removeBelow(folder: string, name: string, number: number): Promise<void> {
  for (const old of await numbers(folder, name)) {
    if (old >= number) continue
    await removeIfThere(lockPath(folder, name, old))
    givenUp.delete(lockPath(folder, name, old))
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

async function highest(folder: string, name: string): Promise<number> {
  return Math.max(0, ...(await numbers(folder, name)))
}

async function numbers(folder: string, name: string): Promise<number[]> {
  const files = await readdir(folder)
  return files.flatMap((file) => {
    const number = file.startsWith(`${name}.`) ? /^(\d+)\.lock$/.exec(file.slice(name.length + 1)) : null
    return number === null ? [] : [Number(number[1])]
  })
}

function lockPath(folder: string, name: string, number: number): string {
  return join(folder, `${name}.${number}.lock`)
}
