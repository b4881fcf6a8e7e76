/** A server that this machine cannot run. The message says why, and what to do about it. */
export class ServiceUnavailableError extends Error {
  readonly code = 'SERVICE_UNAVAILABLE'
}

/** By code: an error that crossed a jest realm is no instance of the class. */
export function isServiceUnavailable(error: unknown): error is ServiceUnavailableError {
  return (error as { code?: unknown } | undefined)?.code === 'SERVICE_UNAVAILABLE'
}
