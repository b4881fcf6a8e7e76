import type { IncomingMessage } from 'node:http'

/** An answer other than 200. Without a code the body is empty. */
export class HttpFailure extends Error {
  readonly status: number
  readonly code: string | undefined

  constructor(status: number, code?: string, message = '') {
    super(message)
    this.status = status
    this.code = code
  }
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}
