import { readFile, readdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const LOOK_EVERY_MS = 5
const MOST_LOOKS = 400

/**
 * Waits until every thread of a process that was sent SIGSTOP has stopped, 2 s at most: on a busy machine `kill`
 * returns while threads still run, and may still answer. Only Linux tells of threads (proc(5)); elsewhere it returns
 * at once.
 */
export async function standstill(pid: number): Promise<void> {
  if (process.platform !== 'linux') return
  for (let look = 0; look < MOST_LOOKS; look++) {
    if (await allStopped(`/proc/${pid}/task`)) return
    await delay(LOOK_EVERY_MS)
  }
}

async function allStopped(folder: string): Promise<boolean> {
  try {
    for (const thread of await readdir(folder)) {
      if (!stopped(await readFile(`${folder}/${thread}/stat`, 'utf8'))) return false
    }
    return true
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return true // it ended meanwhile
    throw error
  }
}

/** `T` is stopped, `t` stopped by a debugger, `Z` and `X` dead; the state follows the name, which may hold anything. */
function stopped(stat: string): boolean {
  return 'TtZX'.includes(stat.charAt(stat.lastIndexOf(')') + 2))
}
