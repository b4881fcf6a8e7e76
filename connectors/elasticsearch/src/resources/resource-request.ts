import { type Clock, ConnectError, type Logger, errorKind } from '@connect-run/core'
import type { HttpRequest } from '@connect-run/http'
import type { ClusterClient, NodeResponse } from '../cluster/cluster-client.ts'
import { judgeRequest } from '../error-map.ts'

/** What is needed to see to it that something exists. */
export interface Resources {
  readonly client: ClusterClient
  readonly logger: Logger
  readonly clock: Clock
}

/** Asks for `path`, of which each part stands for itself. */
export function ask(
  { client }: Pick<Resources, 'client'>,
  method: HttpRequest['method'],
  { path, query = '', json, signal }: AskOptions,
): Promise<NodeResponse> {
  const request = { method, path: `/${path.map(encodeURIComponent).join('/')}${query}`, signal }
  return client.request(json === undefined ? request : { ...request, body: Buffer.from(JSON.stringify(json)) })
}

export interface AskOptions {
  readonly path: readonly string[]
  readonly query?: string
  readonly json?: unknown
  readonly signal: AbortSignal
}

/**
 * Throws what an answer means that is no success: a `RetriableError` where it passes, otherwise a `ConnectError`, since it
 * is not about a record. `what` could not be done, in words.
 */
export function assertDone(response: NodeResponse, { clock }: Pick<Resources, 'clock'>, what: string): void {
  const error = judgeRequest(response, response.address, clock.now())
  if (error === undefined) return
  const { hint } = error
  if (errorKind(error) === 'retriable') throw error
  const code = errorKind(error) === 'record' ? 'REQUEST_REJECTED' : error.code
  throw new ConnectError(code, `${what}: ${error.message}`, hint === undefined ? {} : { hint })
}

/** Whether something can't be created because another task or worker was faster. */
export function isThere({ status, body }: NodeResponse): boolean {
  return status === 400 && body.includes('resource_already_exists_exception')
}
