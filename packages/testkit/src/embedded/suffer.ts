import { type IncomingMessage, STATUS_CODES, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './fault-plan.ts'
import { HttpFailure, readBody } from './http-exchange.ts'

/** Makes the request go wrong as planned. `handle` reads it, does its work and answers. */
export async function suffer(
  fault: Fault,
  request: IncomingMessage,
  response: ServerResponse,
  handle: () => Promise<void>,
): Promise<void> {
  switch (fault.kind) {
    case 'status': {
      if (!request.readableEnded) await readBody(request)
      for (const [name, value] of Object.entries(fault.headers ?? {})) response.setHeader(name, value)
      throw new HttpFailure(fault.status, fault.errorCode, fault.message)
    }
    case 'hang':
      return
    case 'reset':
      request.socket.resetAndDestroy()
      return
    case 'reset-mid-body':
      request.once('data', () => request.socket.resetAndDestroy())
      return
    case 'lose-answer':
    case 'cut-answer': {
      const end = response.end.bind(response)
      response.end = (): ServerResponse => {
        if (fault.kind === 'lose-answer') request.socket.resetAndDestroy()
        else cutShort(request, response)
        return response
      }
      await handle().finally(() => (response.end = end))
      return
    }
    case 'delay':
      await pause(fault.ms, request)
      await handle()
  }
}

/** Sends the head and one byte of the body that it promises. */
function cutShort({ socket }: IncomingMessage, response: ServerResponse): void {
  socket.write(
    `HTTP/1.1 ${response.statusCode} ${STATUS_CODES[response.statusCode]}\r\ncontent-length: 100\r\n\r\n{`,
    () => socket.resetAndDestroy(),
  )
}

/** Ends early when the connection does. */
async function pause(ms: number, { socket }: IncomingMessage): Promise<void> {
  const gone = new AbortController()
  const abort = (): void => gone.abort()
  socket.once('close', abort)
  await sleep(ms, undefined, { signal: gone.signal }).catch(() => undefined)
  socket.off('close', abort)
}
