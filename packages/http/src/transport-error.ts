import { ConnectError, RetriableError } from '@connect-run/core'

const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'connecting timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connecting timed out',
}

/** Stands for errors of undici's parser, which have no code: it looks one up in a table that is the other way round. */
const NO_HTTP = 'HTTPParserError'

const lost: Readonly<Record<string, string>> = {
  ECONNRESET: 'the connection was reset',
  ECONNABORTED: 'the connection was aborted',
  EPIPE: 'the connection was closed while sending',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  UND_ERR_RESPONSE_EXCEEDED_MAX_SIZE: 'the answer was too long',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the answer were too long',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer is not HTTP',
  [NO_HTTP]: 'the answer is not HTTP',
}

const certificate = /^(?:ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH$)/

/** What a failed exchange with `address` means to the runtime. Errors that are no transport failure come back as they are. */
export function transportError(error: unknown, address: string): unknown {
  const code = codeOf(error)
  if (code === undefined) return error
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') {
    return new ConnectError('STOPPED', `the client of ${address} is closed`, { cause: error })
  }
  const reason = unreachable[code]
  if (reason !== undefined) {
    const hint = 'Check that the server runs there, that `url` is right and that no firewall is in between.'
    return new RetriableError('UNREACHABLE', `cannot reach ${address}: ${reason}`, { hint, cause: error })
  }
  if (certificate.test(code)) {
    const hint = 'Check `url` (http or https), `tls.ca`, `tls.cert` and the name in the server’s certificate.'
    return new RetriableError('UNREACHABLE', `no secure connection to ${address}: ${code}`, { hint, cause: error })
  }
  const how = lost[code]
  if (how === undefined) return error
  const hint =
    'The request may have been carried out. If it keeps happening, check that `url` leads to the right server and port, and look into its log.'
  return new RetriableError('CONNECTION_LOST', `lost ${address}: ${how}`, { hint, cause: error })
}

export function timeoutError(address: string, timeoutMs: number): RetriableError {
  const hint =
    'The server is overloaded or hangs; the request may have been carried out. `timeout` says how long to wait.'
  return new RetriableError('TIMEOUT', `no complete answer from ${address} within ${timeoutMs} ms`, { hint })
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code, name } = error as { code?: unknown; name?: unknown }
  if (name === NO_HTTP) return NO_HTTP
  return typeof code === 'string' ? code : undefined
}
