import { cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { type Guard, without } from './guard.ts'

/** A copy of the workspace that may be spoilt: the user's own is never touched. */
export interface WorkspaceCopy {
  readonly root: string
  /** Runs `work` with the guard taken out. */
  spoilt<T>(guard: Guard, work: () => Promise<T>): Promise<T>
}

/**
 * Copies sources and what is built of them. The links to packages of the workspace are copied as they are, so that they
 * lead into the copy; what was installed is shared.
 */
export async function copyWorkspace(from: string, to: string): Promise<WorkspaceCopy> {
  await cp(from, to, { recursive: true, verbatimSymlinks: true, filter: (path) => isWanted(relative(from, path)) })
  await copyInstalled(join(from, 'node_modules'), join(to, 'node_modules'))
  return {
    root: to,
    spoilt: async (guard, work) => {
      const file = join(to, guard.file)
      const text = await readFile(file, 'utf8')
      await writeFile(file, without(guard, text))
      try {
        return await work()
      } finally {
        await writeFile(file, text)
      }
    },
  }
}

function isWanted(path: string): boolean {
  return !['.git', '.cache', 'node_modules', 'deploy'].includes(path.split(sep)[0]!)
}

async function copyInstalled(from: string, to: string): Promise<void> {
  await mkdir(to)
  await symlink(join(from, '.pnpm'), join(to, '.pnpm'))
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.name === '.pnpm') continue
    await cp(join(from, entry.name), join(to, entry.name), { recursive: true, verbatimSymlinks: true })
  }
}
