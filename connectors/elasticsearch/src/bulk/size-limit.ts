import { RecordError } from '@connect-run/core'
import type { ClusterClient } from '../cluster/cluster-client.ts'
import { parseObject } from '../cluster/parse-object.ts'

interface NodesInfo {
  readonly nodes?: Readonly<Record<string, { readonly http?: { readonly max_content_length_in_bytes?: number } }>>
}

/** How large a request may be: what the nodes say when one was too large, or what is found out by trying. */
export class SizeLimit {
  readonly #client: Pick<ClusterClient, 'address' | 'request'>
  #bytes = Infinity
  /** `http.max_content_length`; null where the nodes do not say it, undefined where they were not asked. */
  #stated: number | null | undefined
  #smallestRefused = Infinity

  constructor(client: Pick<ClusterClient, 'address' | 'request'>) {
    this.#client = client
  }

  /** What bodies should not exceed, in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** A body of so many bytes was refused. `isDivisible`: it held several operations. */
  async refused(bytes: number, isDivisible: boolean, signal: AbortSignal): Promise<void> {
    this.#smallestRefused = Math.min(this.#smallestRefused, bytes)
    if (this.#stated === undefined) this.#stated = await this.#ask(signal)
    const isNodes = this.#stated !== null && this.#stated < bytes
    if (isNodes) this.#bytes = Math.min(this.#bytes, this.#stated!)
    // A proxy in between, which does not say its limit.
    else if (isDivisible) this.#bytes = Math.min(this.#bytes, bytes / 2)
  }

  /** Why an operation that alone is too large can't be written. */
  error(bytes: number): RecordError {
    const { address } = this.#client
    const isNodes = typeof this.#stated === 'number' && this.#stated < bytes
    const limit = isNodes
      ? `${address} takes requests of ${this.#stated!} bytes at most`
      : `${address} refuses requests of ${this.#smallestRefused} bytes`
    const hint =
      'Raise `http.max_content_length` of the cluster, or the limit of the proxy, or make the record smaller.'
    return new RecordError('RECORD_TOO_LARGE', `the operation takes ${bytes} bytes, and ${limit}`, { hint })
  }

  /** The smallest limit of any node. It is only a better guess, so that no failure matters. */
  async #ask(signal: AbortSignal): Promise<number | null> {
    try {
      const path = '/_nodes/http?filter_path=nodes.*.http.max_content_length_in_bytes'
      const { body } = await this.#client.request({ method: 'GET', path, signal })
      const { nodes = {} } = parseObject(body) as NodesInfo
      const limits = Object.values(nodes).map(({ http }) => http?.max_content_length_in_bytes ?? NaN)
      const smallest = Math.min(...limits)
      return Number.isFinite(smallest) ? smallest : null
    } catch {
      return null
    }
  }
}
