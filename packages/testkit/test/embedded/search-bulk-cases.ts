import type { SearchProduct } from '@connect-run/testkit/embedded'
import { readFileSync } from 'node:fs'

/** A bulk request to the index `cases`, one shard and empty, and what each server made of it. */
export interface BulkCase extends Readonly<Record<SearchProduct, string | readonly string[]>> {
  readonly case: string
  readonly body: string
}

const file = new URL('search-bulk-cases.jsonl', import.meta.url)

export const BULK_CASES: readonly BulkCase[] = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as BulkCase)

type Outcome = Readonly<Record<string, unknown>> & { readonly error?: { readonly type: string } }

interface Answer {
  readonly error?: { readonly type: string }
  readonly items?: readonly Readonly<Record<string, Outcome>>[]
}

/**
 * Runs a case at `url`. For each item: `index 201 created 1 0` with version and sequence number, or `index 400 <type>`;
 * of a request that was refused as a whole: `400 <type>`.
 */
export async function runBulkCase(url: string, body: string): Promise<string | readonly string[]> {
  for (const index of ['cases', 'cases-new']) await ask(url, 'DELETE', `/${index}`)
  const settings = { number_of_shards: 1, number_of_replicas: 0 }
  await ask(url, 'PUT', '/cases', JSON.stringify({ settings }))
  const [status, { error, items = [] }] = await ask(url, 'POST', '/_bulk', body)
  if (error !== undefined) return `${status} ${error.type}`
  return items.flatMap((item) => Object.entries(item).map(([action, outcome]) => `${action} ${told(outcome)}`))
}

/** Where only a status was recorded, the servers differ in the type. */
export function alike(recorded: string | readonly string[], answer: string | readonly string[]): boolean {
  if (typeof recorded === 'string' && typeof answer === 'string') return `${answer} `.startsWith(`${recorded} `)
  return String(recorded) === String(answer)
}

function told({ status, error, result, _version, _seq_no }: Outcome): string {
  return error ? `${String(status)} ${error.type}` : [status, result, _version, _seq_no].join(' ')
}

async function ask(url: string, method: string, path: string, body?: string): Promise<[number, Answer]> {
  const init = body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }
  const answer = await fetch(url + path, { method, ...init })
  return [answer.status, (await answer.json()) as Answer]
}
