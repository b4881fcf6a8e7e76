export { basicAuth, bearerAuth } from './auth.ts'
export { BodyBuilder, type Fragment, copyRange, fragment, writeFragment } from './body-builder.ts'
export { excerpt } from './excerpt.ts'
export {
  type HttpClient,
  type HttpClientOptions,
  type HttpRequest,
  type HttpResponse,
  createHttpClient,
} from './http-client.ts'
export {
  type HttpTlsConfig,
  gzipSchema,
  passwordSchema,
  timeoutSchema,
  tlsSchema,
  urlProblem,
  urlSchema,
} from './http-options.ts'
export { parseRetryAfter } from './retry-after.ts'
export { statusError } from './status-error.ts'
