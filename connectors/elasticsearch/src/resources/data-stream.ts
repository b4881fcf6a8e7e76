import { ConnectError } from '@connect-run/core'
import type { NodeResponse } from '../cluster/cluster-client.ts'
import { parseObject } from '../cluster/parse-object.ts'
import { putTemplate } from './index-template.ts'
import type { Mapping } from './mapping.ts'
import { type Resources, ask, assertDone, isThere } from './resource-request.ts'

export interface DataStreamPlan {
  readonly name: string
  /** Whether a missing one is made. */
  readonly isCreated: boolean
  /** What its documents look like, where that is known and asked for. */
  readonly mapping: Mapping | undefined
}

/**
 * Sees to it that there is a data stream of this name. A missing one is made by the template that matches it (Elasticsearch
 * brings some for `logs-*-*`, `metrics-*-*` and others); where none does, one for this stream alone is put in place first:
 * without it the server would make a plain index of that name. Who may write to it but not look at it leaves it to the
 * server, as Elastic's agents do.
 */
export async function ensureDataStream(resources: Resources, plan: DataStreamPlan, signal: AbortSignal): Promise<void> {
  const { name, isCreated } = plan
  const found = await ask(resources, 'GET', { path: ['_resolve', 'index', name], signal })
  if (found.status === 403 && isCreated) return
  if (found.status !== 404) {
    assertDone(found, resources, `the data stream \`${name}\` can't be looked up`)
    if (isStream(found, name)) return
  }
  if (!isCreated) {
    throw new ConnectError('NOT_FOUND', `${found.address} has no data stream \`${name}\`, and none may be made`, {
      hint: `Create it (PUT _data_stream/${name}), correct \`dataStream\`, or set \`autoCreate: true\`.`,
    })
  }
  await ensureTemplate(resources, plan, signal)
  const created = await ask(resources, 'PUT', { path: ['_data_stream', name], signal })
  // Not allowed to, or not in this way: then the server makes it with the first document.
  if (created.status === 403 || created.status === 405 || isThere(created)) return
  assertDone(created, resources, `the data stream \`${name}\` can't be created`)
}

/** Throws where the name is something else's. */
function isStream({ body, address }: NodeResponse, name: string): boolean {
  const { data_streams: streams = [], indices = [], aliases = [] } = parseObject(body) as Resolved
  if (indices.length === 0 && aliases.length === 0) return streams.length > 0
  const what = indices.length > 0 ? 'an index' : 'an alias'
  throw new ConnectError('REQUEST_REJECTED', `${address}: \`${name}\` is ${what}, not a data stream`, {
    hint: 'Correct `dataStream`, delete what has its name, or write to it with `index`.',
  })
}

interface Resolved {
  readonly data_streams?: readonly object[]
  readonly indices?: readonly object[]
  readonly aliases?: readonly object[]
}

async function ensureTemplate(resources: Resources, plan: DataStreamPlan, signal: AbortSignal): Promise<void> {
  const { name, mapping } = plan
  const path = ['_index_template', '_simulate_index', name]
  const matching = await ask(resources, 'POST', { path, signal })
  // Who may not look at templates can't make one.
  if (matching.status === 403) return
  assertDone(matching, resources, `the template of the data stream \`${name}\` can't be looked up`)
  if (Object.keys(parseObject(matching.body)).length === 0) {
    await putTemplate(resources, ownTemplate(name, mapping), signal)
  } else if (mapping !== undefined) {
    const advice = 'a template of the server maps the fields of the data stream: `mappings.fromSchema` has no say in it'
    resources.logger.warn({ dataStream: name }, advice)
  }
}

/** For this stream alone, and below any other that comes to match it. */
function ownTemplate(name: string, mapping: Mapping | undefined): Parameters<typeof putTemplate>[1] {
  const template = mapping === undefined ? {} : { template: { mappings: mapping } }
  return {
    name: `connect-run-${name}`,
    body: { index_patterns: [name], priority: 1, data_stream: {}, ...template },
  }
}
