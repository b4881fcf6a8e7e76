import type { Caveat, SinkTraits } from '@connect-run/core'
import { actionOf, idsRepeat, tombstonesOf } from './operation/choices.ts'
import type { ElasticsearchSinkConfig } from './sink-config.ts'
import { templatesOf } from './template-check.ts'

/** How the runtime serves the sink. */
export function sinkTraits(config: ElasticsearchSinkConfig): SinkTraits {
  const caveats = caveatsOf(config)
  return {
    // Two records may be about one document: the later must win.
    ordered: idsRepeat(config),
    idempotent: caveats.every(({ doubles }) => !doubles),
    caveats: caveats.map(({ option, text }) => ({ option, text })),
    // Decoded once, however many placeholders look into it; else bytes of JSON are not decoded at all.
    reads: templatesOf(config).some(({ text }) => text.includes('${value')) ? 'values' : 'source',
    tombstones: tombstonesOf(config) === 'skip' ? 'skip' : 'write',
    concurrency: 5,
    batch: { maxRecords: 2000, maxBytes: 5 * 1024 * 1024 },
  }
}

/** `doubles`: a record that is written again shows. */
function caveatsOf(config: ElasticsearchSinkConfig): (Caveat & { readonly doubles: boolean })[] {
  const caveats: (Caveat & { readonly doubles: boolean })[] = []
  if (config.id === 'auto') {
    const text = 'A request that is repeated because its answer was lost adds its documents a second time.'
    caveats.push({ option: 'id: auto', text, doubles: true })
  }
  if (actionOf(config) === 'update' && config.update?.script !== undefined) {
    const text = 'A script that counts or appends does so again for a record that is written again.'
    caveats.push({ option: 'update.script', text, doubles: true })
  }
  if (config.dataStream !== undefined) {
    const text =
      'Ids are unique within a backing index: a record that is written again after a rollover is there twice.'
    caveats.push({ option: 'dataStream', text, doubles: false })
  }
  if (config.version === 'offset') {
    const text =
      'Offsets of a topic that is made anew begin at 0: its records count as old until they pass the former ones.'
    caveats.push({ option: 'version: offset', text, doubles: false })
  }
  return caveats
}
