import path from 'node:path'
import type { Files } from './files.ts'

const DIGITS = 8

/**
 * `waiting`: closed, or not begun yet; what is in it counts as far as the checkpoint says. `draft`: a compressed file
 * that may be half-written while its `waiting` one is there, and is whole once that is gone. `plain` and `zipped` are
 * done and never change.
 */
export type RotatedKind = keyof typeof suffixes

const suffixes = { waiting: '.waiting', draft: '.gz.tmp', plain: '', zipped: '.gz' } as const

export interface RotatedFile {
  readonly sequence: number
  readonly kind: RotatedKind
  readonly path: string
}

export function rotatedPath(file: string, sequence: number, kind: RotatedKind): string {
  return `${file}.${String(sequence).padStart(DIGITS, '0')}${suffixes[kind]}`
}

/** What is there beside the file, in the order in which it was written. */
export async function listRotated(files: Files, file: string): Promise<RotatedFile[]> {
  const folder = path.dirname(file)
  const start = `${path.basename(file)}.`
  const found: RotatedFile[] = []
  for (const name of await files.readdir(folder)) {
    const [, digits, suffix] = name.startsWith(start) ? (/^(\d{8,})(\..*)?$/.exec(name.slice(start.length)) ?? []) : []
    const kind = (Object.keys(suffixes) as RotatedKind[]).find((one) => suffixes[one] === (suffix ?? ''))
    if (digits === undefined || kind === undefined) continue
    found.push({ sequence: Number(digits), kind, path: path.join(folder, name) })
  }
  return found.sort((a, b) => a.sequence - b.sequence)
}
