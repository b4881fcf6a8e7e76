import { isConnectError } from '../api/errors.ts'

/** An error as a log shows it. */
export interface ErrorDescription {
  readonly code?: string
  readonly message: string
  readonly hint?: string
  readonly cause?: ErrorDescription
  readonly stack?: string
}

const MAX_CAUSES = 5
const CREDENTIALS_IN_URL = /(\w+:\/\/)[^/\s@]*@/g

/** Code, message, hint and causes; the stack only where asked for. Credentials in URLs are left out. */
export function describeError(
  error: unknown,
  options: { readonly stack: boolean },
  depth: number = 0,
): ErrorDescription {
  if (typeof error !== 'object' || error === null) return { message: withoutCredentials(String(error)) }
  const { message, code, cause, stack } = error as Partial<Error> & { code?: unknown }
  const shown = options.stack && depth === 0 && typeof stack === 'string'
  return {
    ...((typeof code === 'string' || typeof code === 'number') && { code: String(code) }),
    message: withoutCredentials(message ?? 'unknown error'),
    ...(isConnectError(error) && error.hint !== undefined && { hint: error.hint }),
    ...(cause !== undefined && depth < MAX_CAUSES && { cause: describeError(cause, options, depth + 1) }),
    ...(shown && { stack: withoutCredentials(stack) }),
  }
}

function withoutCredentials(text: string): string {
  return text.replaceAll(CREDENTIALS_IN_URL, '$1***@')
}
