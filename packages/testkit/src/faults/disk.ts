import { mkdir, statfs, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../services/run-command.ts'
import type { FaultSwitch } from './fault-switch.ts'

/** A file system of its own that can be filled and made read-only. Linux, and root or CAP_SYS_ADMIN. */
export interface SmallDisk {
  readonly folder: string
  /** No room but for `leftBytes` (whole pages): a write that does not fit is cut short, the next one fails with ENOSPC. */
  full(leftBytes?: number): FaultSwitch
  /** Every change fails with EROFS. */
  readonly readOnly: FaultSwitch
  unmount(): Promise<void>
}

/** Mounts a tmpfs at a new folder. */
export async function smallDisk(folder: string, sizeBytes: number = 1024 * 1024): Promise<SmallDisk> {
  await mkdir(folder)
  await runCommand(['mount', '-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', folder]).catch((cause: unknown) => {
    throw new Error('a small disk is a tmpfs: mounting it needs Linux and root, or CAP_SYS_ADMIN', { cause })
  })
  const ballast = join(folder, 'ballast')
  const remount = async (how: 'ro' | 'rw'): Promise<void> =>
    void (await runCommand(['mount', '-o', `remount,${how}`, folder]))
  return {
    folder,
    full: (leftBytes = 0) => ({
      name: 'disk-full',
      does: 'leaves no room on the disk',
      on: async () => {
        const { bavail, bsize } = await statfs(folder)
        await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)))
      },
      off: () => truncate(ballast).catch(() => undefined),
    }),
    readOnly: {
      name: 'disk-read-only',
      does: 'makes the disk read-only, as a kernel does that has found its file system broken',
      on: () => remount('ro'),
      off: () => remount('rw'),
    },
    unmount: async () => void (await runCommand(['umount', '--lazy', folder])),
  }
}
