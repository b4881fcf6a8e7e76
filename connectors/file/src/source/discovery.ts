import { type Stats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { escapePath, glob, isDynamicPattern } from 'tinyglobby'
import { type FileSourceConfig, pathsOf } from './source-config.ts'
import { fileId, isNumberedName, isRotatedName } from './file-identity.ts'

/** A regular file that is there. */
export interface FoundFile {
  readonly path: string
  readonly id: string
  readonly size: number
  readonly mtimeMs: number
  /** Since when it exists, or if it is a copy that kept the time of its last write, since then. */
  readonly sinceMs: number
  /** Of its last change of any kind. */
  readonly changedMs: number
}

export interface Found {
  /** By path, in order. A file with two names is there once. */
  readonly files: readonly FoundFile[]
  /** Configured paths for which there is no file. */
  readonly missing: readonly string[]
}

/** The files that the config names, now. */
export async function discover(config: FileSourceConfig): Promise<Found> {
  const byId = new Map<string, FoundFile>()
  const missing: string[] = []
  for (const configured of pathsOf(config)) {
    const paths = await matching(path.resolve(configured), config.exclude ?? [])
    let any = false
    for (const one of paths.sort()) {
      const file = await lookAt(one)
      if (file === undefined) continue
      any = true
      if (!byId.has(file.id)) byId.set(file.id, file)
    }
    if (!any) missing.push(configured)
  }
  return { files: [...byId.values()], missing }
}

/** The file, or undefined where there is none. */
export async function lookAt(file: string): Promise<FoundFile | undefined> {
  const found = await statOf(file)
  if (found === undefined || found.isDirectory()) return undefined
  const { size, mtimeMs, ctimeMs, birthtimeMs } = found
  // Not every file system keeps the time of birth.
  const sinceMs = birthtimeMs > 0 ? Math.min(birthtimeMs, mtimeMs) : mtimeMs
  return { path: file, id: fileId(found), size, mtimeMs, sinceMs, changedMs: ctimeMs }
}

/** Files beside the given one whose names say that rotation may have made them of it. The newest come first. */
export async function rotatedBeside(file: string): Promise<FoundFile[]> {
  const folder = path.dirname(file)
  const paths = (await namesIn(folder)).map((name) => path.join(folder, name))
  const found = await lookAtEach(paths.filter((one) => isRotatedName(one, file)))
  return found.sort((a, b) => b.mtimeMs - a.mtimeMs)
}

/** Files beside the given one whose names say that they stood at its path before. The oldest come first. */
export async function generationsBeside(file: string, folders: NumberedNames): Promise<FoundFile[]> {
  const folder = path.dirname(file)
  const names = folders.get(folder) ?? (await namesIn(folder)).filter((name) => /[.\-_]\d/.test(name))
  folders.set(folder, names)
  const paths = names.map((name) => path.join(folder, name))
  const found = await lookAtEach(paths.filter((one) => isNumberedName(one, file)))
  return found.sort((a, b) => a.mtimeMs - b.mtimeMs)
}

/** Names with numbers by folder: each folder is listed once for many files. */
export type NumberedNames = Map<string, readonly string[]>

/** None where there is no folder. */
function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

async function lookAtEach(paths: readonly string[]): Promise<FoundFile[]> {
  const found = await Promise.all(paths.map(lookAt))
  return found.filter((one) => one !== undefined)
}

async function matching(configured: string, exclude: readonly string[]): Promise<string[]> {
  const found = await statOf(configured)
  if (found?.isDirectory() === true) return globbed(configured, '*', exclude)
  if (found !== undefined)
    return globbed(path.dirname(configured), escapePath(path.basename(configured)), exclude, true)
  if (!isDynamicPattern(configured)) return []
  const parts = configured.split('/')
  const fixed = parts.findIndex((part) => isDynamicPattern(part))
  return globbed(parts.slice(0, fixed).join('/') || '/', parts.slice(fixed).join('/'), exclude)
}

function globbed(folder: string, pattern: string, exclude: readonly string[], dot = false): Promise<string[]> {
  const ignore = exclude.map((one) => {
    if (path.isAbsolute(one)) return path.relative(folder, one)
    return one.includes('/') ? one : `**/${one}`
  })
  return glob(pattern, { cwd: folder, absolute: true, onlyFiles: false, ignore, dot, expandDirectories: false })
}

async function statOf(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined
    throw error
  }
}
