import { createHash } from 'node:crypto'
import type { IndexTemplateConfig } from '../sink-config.ts'
import { parseObject } from '../cluster/parse-object.ts'
import type { Mapping } from './mapping.ts'
import { type Resources, ask, assertDone } from './resource-request.ts'

/** What a template says, as the servers take it. */
export interface TemplateBody {
  readonly index_patterns: readonly string[]
  readonly priority?: number
  readonly data_stream?: Readonly<Record<string, never>>
  readonly template?: { readonly settings?: Mapping; readonly mappings?: Mapping }
}

/** Whose a template is, in its `_meta`. */
const OWNER = 'connect-run'

export function templateBody(config: IndexTemplateConfig, isDataStream: boolean): TemplateBody {
  const { patterns, priority, settings, mappings } = config
  return {
    index_patterns: patterns,
    ...(priority === undefined ? {} : { priority }),
    ...(isDataStream ? { data_stream: {} } : {}),
    template: { ...(settings === undefined ? {} : { settings }), ...(mappings === undefined ? {} : { mappings }) },
  }
}

/**
 * Puts a template in place where there is none of this name, or where there is one that an earlier config put there and
 * this one says something else. What somebody else put there stays, and so does what was changed by hand since.
 *
 * Servers write templates back in words of their own, so they are compared by a digest that is kept in `_meta`.
 */
export async function putTemplate(
  resources: Resources,
  template: { readonly name: string; readonly body: TemplateBody },
  signal: AbortSignal,
): Promise<void> {
  const { name, body } = template
  const path = ['_index_template', name]
  const found = await ask(resources, 'GET', { path, signal })
  const digest = createHash('sha256').update(JSON.stringify(body)).digest('hex')
  if (found.status !== 404) {
    assertDone(found, resources, `the index template \`${name}\` can't be looked at`)
    const { managed_by: owner, digest: known } = metaOf(found.body)
    if (owner !== OWNER) {
      const advice = 'somebody else has put an index template of this name in place: it is left as it is'
      resources.logger.warn({ template: name }, advice)
    }
    if (owner !== OWNER || known === digest) return
  }
  const json = { ...body, _meta: { managed_by: OWNER, digest } }
  const put = await ask(resources, 'PUT', { path, json, signal })
  assertDone(put, resources, `the index template \`${name}\` can't be put in place`)
  resources.logger.info({ template: name }, 'the index template is in place')
}

function metaOf(body: Buffer): Readonly<Record<string, unknown>> {
  const { index_templates: templates } = parseObject(body) as { index_templates?: readonly FoundTemplate[] }
  return templates?.[0]?.index_template?._meta ?? {}
}

interface FoundTemplate {
  readonly index_template?: { readonly _meta?: Readonly<Record<string, unknown>> }
}
