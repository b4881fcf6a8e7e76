import assert from 'node:assert/strict'
import { type ConnectorPlugin, type ProbeContext, isConnectError } from '@connect-run/core'
import { rejection, within } from './check.ts'
import { testContext } from './context.ts'
import { watchResources } from './open-resources.ts'
import { DEADLINE_MS } from './source-run.ts'
import { type Options, configOf } from './validated.ts'

/** One end of a plugin, and how its other side is got at. */
export interface ProbeRequest {
  readonly driver: { readonly plugin: ConnectorPlugin; readonly deadlineMs?: number }
  readonly side: 'source' | 'sink'
  readonly options: Options
  readonly streams?: readonly string[]
}

export function hasProbe({ plugin }: ProbeRequest['driver'], side: ProbeRequest['side']): boolean {
  return plugin[side]?.probe !== undefined
}

/** Probes without a task; rejects where what is learned is not said in words, or something is left open. */
export async function probed(request: ProbeRequest): Promise<void> {
  const resources = watchResources(request.driver.deadlineMs)
  const learned = await probe(request)
  assert.ok(Array.isArray(learned) && learned.length > 0, 'a probe tells what it has learned')
  for (const text of learned) assert.ok(typeof text === 'string' && text.trim() !== '', 'in a few words each')
  await resources.assertAllClosed()
}

/** Probes what is not there. */
export async function probedInVain(request: ProbeRequest): Promise<void> {
  const resources = watchResources(request.driver.deadlineMs)
  const error = await rejection(probe(request), 'a probe without the other side')
  assert.ok(isConnectError(error), `a probe rejects with a ConnectError, not ${String(error)}`)
  await resources.assertAllClosed()
}

/** Probes what never answers. */
export async function probedUntilAborted(request: ProbeRequest): Promise<void> {
  const asked = probe(request, AbortSignal.timeout(50))
  await within(2000, 'a probe after its signal had aborted', rejection(asked, 'a probe with an aborted signal'))
}

function probe(
  { driver, side, options, streams }: ProbeRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly string[]> {
  const end = driver.plugin[side]!
  const config = configOf(end.config, options)
  const { worker, pipeline, clock, logger } = testContext({ config })
  const context: ProbeContext = { worker, pipeline, clock, logger, streams, signal }
  return within(driver.deadlineMs ?? DEADLINE_MS, 'probe', end.probe!(config, context))
}
