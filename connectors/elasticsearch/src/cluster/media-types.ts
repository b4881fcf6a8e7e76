import type { HttpRequest } from '@connect-run/http'
import { type ServerVersion, majorOf } from './server-version.ts'

/**
 * Headers of a request, by what the server is.
 *
 * | server                              | bodies and answers                                       | why                                                                     |
 * | ----------------------------------- | -------------------------------------------------------- | ----------------------------------------------------------------------- |
 * | Elasticsearch 7.17, 8               | `application/x-ndjson`, `application/json`               | its own interface is the one that is tested here                        |
 * | Elasticsearch 9                     | `application/vnd.elasticsearch+…;compatible-with=8`      | keeps the interface of 8, which it honours for one version and no longer |
 * | Elasticsearch 10 and up             | plain                                                    | it would refuse `compatible-with=8`                                     |
 * | OpenSearch                          | plain                                                    | it answers 406 to `vnd.elasticsearch`                                   |
 * | Serverless                          | plain, with `elastic-api-version`                        | its versions are dates                                                  |
 * | unknown                             | plain                                                    | all of them take it                                                     |
 */
export function mediaHeaders(request: HttpRequest, server: ServerVersion): Record<string, string> {
  const isCompatible = server.distribution === 'elasticsearch' && majorOf(server) === 9
  const type = (name: string): string =>
    isCompatible ? `application/vnd.elasticsearch+${name};compatible-with=8` : `application/${name}`
  const headers: Record<string, string> = { accept: type('json') }
  if (server.distribution === 'serverless') headers['elastic-api-version'] = SERVERLESS_API
  if (request.body !== undefined) headers['content-type'] = type(isBulk(request.path) ? 'x-ndjson' : 'json')
  return headers
}

const SERVERLESS_API = '2023-10-31'

function isBulk(path: string): boolean {
  return /^[^?]*\/_bulk(?:\?|$)/.test(path)
}
