import { open } from 'node:fs/promises'
import { type FoundFile, rotatedBeside } from './discovery.ts'
import {
  type Content,
  type Likeness,
  NOTHING_SEEN,
  type Seen,
  fileId,
  headOf,
  isRotatedName,
  likeness,
} from './file-identity.ts'
import { type FileSourceConfig, isGzip } from './source-config.ts'
import type { TrackedFile } from './tracked-file.ts'

/** Whether, by their names, the one may be a copy of the other. */
export function isRelated({ path }: FoundFile, file: TrackedFile): boolean {
  return isRotatedName(path, file.stream) || isRotatedName(path, file.path)
}

/**
 * How a file compares with what was read of another, or, before anything was, with what that one has now. Undefined
 * where the file went away, or got another name, in between.
 */
export async function likenessOf(
  found: FoundFile,
  file: TrackedFile,
  config: FileSourceConfig,
): Promise<Likeness | undefined> {
  let { seen } = file
  if (seen.at === 0) seen = (await withContent(file, config, headOf)) ?? NOTHING_SEEN
  return withContent(found, config, (content) => likeness(content, seen))
}

export interface Copies {
  readonly same?: FoundFile
  readonly prefix?: FoundFile
  /** Names changed while it was looked for: another look may find it. */
  readonly unsure: boolean
}

/** The file beside this one that has what was read of it; else one that has the beginning of that. */
export async function copyOf(
  file: TrackedFile,
  others: ReadonlySet<string>,
  config: FileSourceConfig,
): Promise<Copies> {
  const beside = [...(await rotatedBeside(file.stream)), ...(await rotatedBeside(file.path))]
  let prefix: FoundFile | undefined
  let unsure = false
  for (const found of beside) {
    if (others.has(found.id) || found.size === 0) continue
    const like = await likenessOf(found, file, config)
    if (like === 'same') return { same: found, unsure: false }
    if (like === 'prefix') prefix ??= found
    unsure ||= like === undefined
  }
  return prefix === undefined ? { unsure } : { prefix, unsure }
}

async function withContent<Result extends Seen | Likeness>(
  { path, id }: { readonly path: string; readonly id: string },
  config: FileSourceConfig,
  use: (content: Content) => Promise<Result>,
): Promise<Result | undefined> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    if (fileId(await handle.stat()) !== id) return undefined
    return await use({ handle, gzip: isGzip(config, path) })
  } finally {
    await handle.close()
  }
}
