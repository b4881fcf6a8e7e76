import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { Agent, type IncomingHttpHeaders, request as httpRequest } from 'node:http'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { type CnosdbServer, startCnosdbServer } from '../../src/embedded/cnosdb-server.ts'

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: IncomingHttpHeaders
}

interface Request {
  readonly method?: string
  readonly path?: string
  readonly body?: string | Buffer
  readonly headers?: Record<string, string>
  readonly chunked?: boolean
}

const root = `Basic ${Buffer.from('root:').toString('base64')}`
const SECOND = 1_000_000_000n

let server: CnosdbServer
let agent: Agent

beforeEach(async () => {
  server = await startCnosdbServer({ now: () => 1_700_000_000_123 })
  agent = new Agent({ keepAlive: true })
})

afterEach(async () => {
  agent.destroy()
  await server.stop()
})

function send({ method = 'POST', path = '/api/v1/write', body = '', headers, chunked }: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent: Record<string, string> = { authorization: root, ...headers }
    for (const [name, value] of Object.entries(sent)) if (value === '') delete sent[name]
    if (chunked !== true) sent['content-length'] ??= String(Buffer.byteLength(body))
    const request = httpRequest(`${server.url}${path}`, { method, headers: sent, agent }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, headers: received } = response
        resolve({ status, text: Buffer.concat(chunks).toString(), headers: received })
      })
    })
    request.on('error', reject)
    if (chunked === true) request.flushHeaders()
    request.end(body)
  })
}

const write = (body: string | Buffer, more: Request = {}): Promise<Answer> => send({ body, ...more })
const sql = (body: string, more: Request = {}): Promise<Answer> => send({ path: '/api/v1/sql', body, ...more })

async function refusal(answer: Promise<Answer>): Promise<[number, string?, string?]> {
  const { status, text } = await answer
  if (text === '') return [status]
  const body = JSON.parse(text) as { error_code: string; error_message: string }
  return [status, body.error_code, body.error_message]
}

describe('requests', () => {
  it('answers a write with 200 and nothing', async () => {
    expect(await write('m,t=v f=1 1')).toMatchObject({ status: 200, text: '' })
    expect(server.rows('m')).toEqual([{ time: 1n, t: 'v', f: 1 }])
  })

  it('keeps the connection after a refusal', async () => {
    await write('nonsense')
    await write('m f=1 1')
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1)
  })

  it.each<[string, Request, readonly unknown[]]>([
    ['no credentials', { headers: { authorization: '' } }, [400, '000000']],
    ['a bearer token', { headers: { authorization: 'Bearer x' } }, [400, '040006']],
    ['an unknown user', { headers: { authorization: `Basic ${btoa('eve:')}` } }, [422, '010016']],
    ['an unknown encoding', { headers: { 'content-encoding': 'x-gzip' } }, [400, '040005']],
    ['a list of encodings', { headers: { 'content-encoding': 'gzip, br' } }, [400, '040005']],
    ['a body that is not gzip', { headers: { 'content-encoding': 'gzip' } }, [400, '040013']],
    ['a deflate body with a zlib header', encoded('deflate', deflateSync('m f=1 1')), [400, '040013']],
    ['an unknown database', { path: '/api/v1/write?db=nope' }, [422, '030017']],
    ['an unknown tenant', { path: '/api/v1/write?tenant=nope' }, [422, '030010']],
    ['bytes that are not UTF-8', { body: Buffer.from([109, 32, 255]) }, [422, '040015']],
    ['a body without a length', { chunked: true }, [500]],
    ['a parameter twice', { path: '/api/v1/write?db=public&db=public' }, [500]],
    ['another path', { path: '/api/v2/write' }, [404]],
    ['another method', { method: 'PUT' }, [405]],
  ])('refuses %s', async (_, request, expected) => {
    expect((await refusal(write('m f=1 1', request))).slice(0, expected.length)).toEqual(expected)
    expect(server.count('m')).toBe(0)
  })

  it('refuses a body over its limit by the length that is announced', async () => {
    await server.stop()
    server = await startCnosdbServer({ writeLimitBytes: 8 })
    expect(await write('m f=1 1')).toMatchObject({ status: 200 })
    expect(await write('m f=1 123')).toMatchObject({ status: 413, text: '' })
  })

  it('checks the password where there is one', async () => {
    await server.stop()
    server = await startCnosdbServer({ password: 'secret' })
    expect((await refusal(write('m f=1 1')))[1]).toBe('010016')
    const headers = { authorization: `Basic ${btoa('root:secret')}` }
    expect(await write('m f=1 1', { headers })).toMatchObject({ status: 200 })
  })

  it.each([
    ['gzip', gzipSync('m f=1 1')],
    ['deflate', deflateRawSync('m f=1 1')],
    ['br', brotliCompressSync('m f=1 1')],
    ['identity', Buffer.from('m f=1 1')],
  ])('takes %s', async (name, body) => {
    expect(await write(body, encoded(name))).toMatchObject({ status: 200 })
    expect(server.count('m')).toBe(1)
  })

  it('takes chunked writes without credentials on the InfluxDB path', async () => {
    const request: Request = { path: '/write?db=public', chunked: true, headers: { authorization: '' } }
    expect(await write('m f=1 1', request)).toMatchObject({ status: 200, text: '' })
    expect(server.count('m')).toBe(1)
  })

  it('says that it is healthy', async () => {
    const { status, text } = await send({ method: 'GET', path: '/api/v1/ping', headers: { authorization: '' } })
    expect([status, JSON.parse(text)]).toEqual([200, { version: '2.4.3', status: 'healthy' }])
  })

  it('counts what it answered', async () => {
    await write('m f=1 1\nm f=1 2')
    await write('nonsense')
    expect(server.stats()).toEqual({ writes: 2, points: 2, answers: { 200: 1, 422: 1 } })
  })
})

function encoded(name: string, body?: Buffer): Request {
  return { headers: { 'content-encoding': name }, ...(body && { body }) }
}

describe('writes', () => {
  it('refuses all lines for a bad one', async () => {
    expect(await refusal(write('m f=1 1\nm,t=C:\\W f=1 2'))).toEqual([422, '040004', "unexpect token 'W' at 15"])
    expect(server.count('m')).toBe(0)
  })

  it('breaks the connection on an empty field value, and lives on', async () => {
    await expect(write('m f=,g=1 1')).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(await write('m f=1 1')).toMatchObject({ status: 200 })
    expect(server.stats().answers).toEqual({ 200: 1, reset: 1 })
  })

  it.each([
    ['the greatest time', 'm f=1 9223372036854775807', '030016'],
    ['the smallest time', 'm f=1 -9223372036854775808', '030034'],
    ['a line without a field value', 'm,t=v f=', '050014'],
    ['a tag named time', 'm,time=1 f=1 1', '050014'],
    ['a field named time', 'm time=1i 1', '050014'],
  ])('refuses %s, which the parser accepts', async (_, line, code) => {
    expect((await refusal(write(line))).slice(0, 2)).toEqual([422, code])
    expect(server.query('show tables').rows).toEqual([])
  })

  it('names two types of one field in a request', async () => {
    const expected = [422, '050014', 'line to batch error: Expected f64 column']
    expect(await refusal(write('m f=1 1\nm f="x" 2'))).toEqual(expected)
  })

  it.each([
    ['m f="x" 2', "Column 'f' type error, found STRING expected F64"],
    ['m f=1i 2', "Column 'f' type error, found I64 expected F64"],
    ['m,s=v f=1 2', "Column 's' type error, found TAG expected STRING"],
    ['m,t=v t="x" 2', 'Expected tag column'],
    ['m t=true 2', "Column 't' type error, found BOOLEAN expected TAG"],
  ])('compares %s with the stored columns', async (line, message) => {
    await write('m,t=v f=1,s="x",u=1u,i=1i,b=true 1')
    expect(await refusal(write(line))).toEqual([422, '050014', expect.stringContaining(message)])
    expect(server.count('m')).toBe(1)
  })

  it('merges the fields of one identity, within a request and across', async () => {
    await write('u,h=1 f=1,g=2 100\nu,h=1 f=5 100')
    await write('u,h=1 x="y" 100')
    expect(server.rows('u')).toEqual([{ time: 100n, h: '1', f: 5, g: 2, x: 'y' }])
  })

  it('tells tag sets and nanoseconds apart', async () => {
    await write('u,h=1 f=1 100\nu,h=2 f=1 100\nu f=1 100\nu,h=1 f=1 101\nu,a=1,h=1 f=1 100\nu,h=1,a=1 f=2 100')
    expect(server.count('u')).toBe(5)
  })

  it('gives lines without a time its own, in nanoseconds', async () => {
    await write('m f=1')
    expect(server.rows('m')).toEqual([{ time: 1_700_000_000_123_000_000n, f: 1 }])
  })

  it('reads the precision, and takes what it does not know for nanoseconds', async () => {
    await write('m f=1 1', { path: '/api/v1/write?precision=MS' })
    await write('m f=1 2', { path: '/api/v1/write?precision=us' })
    await write('m f=1 3', { path: '/api/v1/write?precision=s' })
    expect(server.rows('m').map((row) => row['time'])).toEqual([1_000_000n, 2000n, 3n])
    const overflow = [422, '050014', 'timestamp overflow']
    expect(await refusal(write('m f=1', { path: '/api/v1/write?precision=ms' }))).toEqual(overflow)
  })
})

describe('SQL', () => {
  const time = String(1_700_000_000n * SECOND + 120_000_000n)

  beforeEach(async () => {
    await write(`air,station="a\\,b" f=1,i=-2i,u=18446744073709551615u,b=true,s="x\\"y" ${time}\nair f=0.5 1`)
  })

  it('answers CSV unless asked otherwise', async () => {
    expect((await sql('SELECT * FROM air ORDER BY time;')).text).toBe(
      'time,station,b,f,i,s,u\n' +
        '1970-01-01T00:00:00.000000001,,,0.5,,,\n' +
        '2023-11-14T22:13:20.120000000,"""a,b""",true,1.0,-2,"x""y",18446744073709551615\n',
    )
  })

  it('answers JSON', async () => {
    const headers = { accept: 'application/json' }
    expect((await sql('select * from air order by time desc', { headers })).text).toBe(
      '[{"time":"2023-11-14T22:13:20.120","station":"\\"a,b\\"","b":true,"f":1.0,"i":-2,"s":"x\\"y","u":18446744073709551615},' +
        '{"time":"1970-01-01T00:00:00.000000001","f":0.5}]',
    )
  })

  it('answers no JSON at all for no rows, and the header in CSV', async () => {
    const headers = { accept: 'application/json' }
    expect((await sql('select * from air limit 0', { headers })).text).toBe('')
    expect((await sql('select * from air limit 0')).text).toBe('time,station,b,f,i,s,u\n')
  })

  it('counts, lists and describes', async () => {
    expect((await sql('select count(*) from air')).text).toBe('COUNT(*)\n2\n')
    expect((await sql('SHOW TABLES')).text).toBe('table_name\nair\n')
    expect((await sql('describe table air')).text).toContain(
      'time,TIMESTAMP(NANOSECOND),TIME,DEFAULT\nstation,STRING,TAG,DEFAULT\nb,BOOLEAN,FIELD,DEFAULT\nf,DOUBLE,FIELD,DEFAULT\n',
    )
  })

  it('makes databases', async () => {
    expect(await sql("CREATE DATABASE IF NOT EXISTS d WITH TTL '10d'")).toMatchObject({ status: 200, text: '' })
    expect(await write('m f=1 1', { path: '/api/v1/write?db=d' })).toMatchObject({ status: 200 })
    expect([server.count('m', 'd'), server.count('m')]).toEqual([1, 0])
    expect((await refusal(sql('create database d')))[1]).toBe('010013')
  })

  it('reads upper case names in quotes only', async () => {
    await write('Air f=1 1')
    expect((await sql('select count(*) from "Air"')).text).toBe('COUNT(*)\n1\n')
    expect((await sql('select count(*) from Air')).text).toBe('COUNT(*)\n2\n')
  })

  it.each([
    ['drop table air', '010009'],
    ['select f from air', '010009'],
    ['select * from air where f = 1', '010009'],
    ['', '010009'],
    ['select * from nope', '030019'],
  ])('refuses %s', async (statement, code) => {
    expect((await refusal(sql(statement))).slice(0, 2)).toEqual([422, code])
  })

  it('refuses a format that it does not know', async () => {
    expect((await refusal(sql('show tables', { headers: { accept: 'image/png' } })))[0]).toBe(400)
  })
})

it('holds what many requests bring', async () => {
  const points = 100_000
  const line = (i: number): string =>
    `kafka_consumer,partition=${i & 3} pressure=${i % 10},visibility=${i % 7} ${i >> 2}`
  for (let at = 0; at < points; at += 5000) {
    await write(Array.from({ length: 5000 }, (_, i) => line(at + i)).join('\n'))
  }
  expect(server.count('kafka_consumer')).toBe(points)
  expect(server.stats().answers).toEqual({ 200: points / 5000 })
})
