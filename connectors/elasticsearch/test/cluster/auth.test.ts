import { expect, it } from '@jest/globals'
import { authHeaders } from '../../src/cluster/auth.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

it.each([
  ['nobody', {}, {}],
  ['a user', { username: 'é', password: 'p:w' }, { authorization: `Basic ${base64('é:p:w')}` }],
  ['a user without a password', { username: 'u' }, { authorization: `Basic ${base64('u:')}` }],
  ['a key as the server encodes it', { apiKey: 'aWQ6a2V5' }, { authorization: 'ApiKey aWQ6a2V5' }],
  ['a key as id and secret', { apiKey: 'id:key' }, { authorization: 'ApiKey aWQ6a2V5' }],
  ['a key from a file', { apiKey: 'aWQ6a2V5\n' }, { authorization: 'ApiKey aWQ6a2V5' }],
  ['a token from a file', { token: ' t\n' }, { authorization: 'Bearer t' }],
  ['a proxy', { headers: { 'X-Tenant': 'a\n' }, token: 't' }, { 'x-tenant': 'a', authorization: 'Bearer t' }],
  ['a proxy alone', { headers: { Authorization: 'Digest x' } }, { authorization: 'Digest x' }],
])('%s', (_who, options, headers) => {
  expect(authHeaders(options)).toEqual(headers)
})
