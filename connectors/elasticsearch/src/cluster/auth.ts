import { basicAuth, bearerAuth } from '@connect-run/http'
import type { ElasticsearchSinkConfig } from '../sink-config.ts'

type Credentials = Pick<ElasticsearchSinkConfig, 'username' | 'password' | 'apiKey' | 'token' | 'headers'>

/** The headers that say who asks, by lower-case names. Whitespace around a secret comes from the file that holds it. */
export function authHeaders({
  username,
  password = '',
  apiKey,
  token,
  headers = {},
}: Credentials): Record<string, string> {
  const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.trim()]))
  if (apiKey !== undefined) return { ...own, authorization: `ApiKey ${encodedKey(apiKey.trim())}` }
  if (token !== undefined) return { ...own, authorization: bearerAuth(token.trim()) }
  return username === undefined ? own : { ...own, authorization: basicAuth(username, password) }
}

/** Servers give a key in two forms: `id:api_key`, and that in base64, which has no colon. */
function encodedKey(apiKey: string): string {
  return apiKey.includes(':') ? Buffer.from(apiKey).toString('base64') : apiKey
}
