import { open } from 'node:fs/promises'
import type { PartitionPosition, Positions } from '@connect-run/core'
import { type FoundFile, lookAt, rotatedBeside } from './discovery.ts'
import { type FileToken, type Seen, TAIL_BYTES, fileId, matchesToken, seenAt } from './file-identity.ts'
import { isGzip, type FileSourceConfig } from './source-config.ts'

/** A stored position and the file that it belongs to now, if it can be found. */
export interface Restored {
  readonly entry: PartitionPosition
  readonly token: FileToken | undefined
  readonly match: Match | undefined
  /** Names changed while it was looked for: another look may find it. */
  readonly unsure: boolean
}

interface Match {
  readonly found: FoundFile
  readonly seen: Seen
}

/** Finds the files of stored positions: by identity where the bytes agree, else by the bytes. */
export async function restore(
  positions: Positions,
  files: readonly FoundFile[],
  config: FileSourceConfig,
): Promise<readonly Restored[]> {
  const byId = new Map(files.map((file) => [file.id, file]))
  const taken = new Set<string>()
  const restored: Restored[] = []
  for (const entry of positions.filter(({ position }) => position.ended !== true)) {
    const token = entry.position.token as FileToken | undefined
    const candidates = await candidatesOf(entry, token, byId)
    const free = candidates.filter(({ id }) => !taken.has(id))
    const { match, unsure } = await firstMatch(free, entry, config)
    if (match !== undefined) taken.add(match.found.id)
    restored.push({ entry, token, match, unsure })
  }
  return restored
}

async function candidatesOf(
  { stream }: PartitionPosition,
  token: FileToken | undefined,
  byId: ReadonlyMap<string, FoundFile>,
): Promise<FoundFile[]> {
  const own = await lookAt(stream)
  const beside = await rotatedBeside(stream)
  const all = [...(own === undefined ? [] : [own]), ...beside]
  if (token === undefined) return own === undefined ? [] : [own]
  const known = byId.get(token.file) ?? all.find(({ id }) => id === token.file)
  if (known === undefined) return all
  return [known, ...all.filter(({ id }) => id !== token.file)]
}

async function firstMatch(
  candidates: readonly FoundFile[],
  { position: { offset, token } }: PartitionPosition,
  config: FileSourceConfig,
): Promise<Pick<Restored, 'match' | 'unsure'>> {
  const known = token as FileToken | undefined
  let unsure = false
  for (const found of candidates) {
    const gzip = isGzip(config, found.path)
    if (!gzip && found.size < offset) continue
    // Nothing was read of it: only its identity tells it apart.
    if (known?.head.length === 0 && known.file !== found.id) continue
    const handle = await open(found.path, 'r').catch(() => undefined)
    if (handle === undefined) {
      unsure = true
      continue
    }
    try {
      if (fileId(await handle.stat()) !== found.id) {
        unsure = true
        continue
      }
      const content = { handle, gzip }
      if (known !== undefined && !(await matchesToken(content, known, { offset, id: found.id }))) continue
      const seen = await seenAt(content, offset, gzip ? 0 : TAIL_BYTES)
      return { match: { found, seen }, unsure: false }
    } finally {
      await handle.close()
    }
  }
  return { match: undefined, unsure }
}
