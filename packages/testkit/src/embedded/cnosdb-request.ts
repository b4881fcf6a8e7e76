import type { IncomingHttpHeaders } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflateRaw } from 'node:zlib'
import { HttpFailure } from './http-exchange.ts'

const decoders = new Map<string, (body: Buffer) => Promise<Buffer>>([
  ['gzip', promisify<Buffer, Buffer>(gunzip)],
  ['deflate', promisify<Buffer, Buffer>(inflateRaw)],
  ['br', promisify<Buffer, Buffer>(brotliDecompress)],
  ['identity', (body) => Promise.resolve(body)],
])

/** Content-Length is asked for, and measured against the limit in its compressed size. */
export function checkLength(headers: IncomingHttpHeaders, limitBytes: number): void {
  const length = headers['content-length']
  if (length === undefined) throw new HttpFailure(500)
  if (Number(length) > limitBytes) throw new HttpFailure(413)
}

/** The user of the request: Basic credentials are needed even where the password is not checked. */
export function checkUser(headers: IncomingHttpHeaders, password: string | undefined): void {
  const { authorization } = headers
  if (authorization === undefined) throw new HttpFailure(400, '000000', 'Missing request header "authorization"')
  const [, token] = /^Basic ([A-Za-z0-9+/=]+)$/.exec(authorization) ?? []
  const [, user, given] = /^([^:]*):(.*)$/s.exec(Buffer.from(token ?? '', 'base64').toString()) ?? []
  if (user === undefined) throw new HttpFailure(400, '040006', 'Invalid basic authorization header')
  if (user !== 'root' || (password !== undefined && given !== password)) {
    throw new HttpFailure(422, '010016', `Auth error: Access denied for user '${user}' (using password: YES)`)
  }
}

export function decoderOf(headers: IncomingHttpHeaders): (body: Buffer) => Promise<Buffer> {
  const encoding = headers['content-encoding'] ?? 'identity'
  const decode = decoders.get(encoding)
  if (decode === undefined) throw new HttpFailure(400, '040005', `Invalid header content-encoding: ${encoding}`)
  return async (body) => {
    try {
      return await decode(body)
    } catch {
      throw new HttpFailure(400, '040013', `Failed to decode the request body as ${encoding}`)
    }
  }
}
