import { readFile, readdir } from 'node:fs/promises'

/** The processes of a group that have not ended. Where there is no proc(5), its first stands for all. */
export async function groupMembers(group: number): Promise<number[]> {
  if (process.platform !== 'linux') return isThere(group) ? [group] : []
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0)
  const members = await Promise.all(pids.map((pid) => isMember(pid, group)))
  return pids.filter((_, index) => members[index])
}

function isThere(group: number): boolean {
  try {
    process.kill(-group, 0)
    return true
  } catch {
    return false
  }
}

/** A dead process whose parent has not asked for it is in its group still. */
async function isMember(pid: number, group: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '') // it may have ended meanwhile
  const [state, , of] = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the name before it may hold anything
  return Number(of) === group && state !== 'Z' && state !== 'X'
}
