import { describe, expect, it } from '@jest/globals'
import type { Issue } from '../../src/config/issue.ts'
import { type StateFileConfig, stateConfig, stateLocation, statePlace } from '../../src/config/state-config.ts'
import { parseStateUrl } from '../../src/config/state-url.ts'

const plain = { primary: undefined, database: 0, username: undefined, password: undefined, isTls: false }

describe('the URL of state', () => {
  it.each([
    ['memory:', { kind: 'memory' }],
    ['file:x', { kind: 'file', folder: '/etc/x' }],
    ['file:///x', { kind: 'file', folder: '/x' }],
    ['redis://h', { kind: 'redis', mode: 'single', hosts: [{ host: 'h', port: 6379 }], ...plain }],
    ['redis://h:1/', { kind: 'redis', mode: 'single', hosts: [{ host: 'h', port: 1 }], ...plain }],
    [
      'rediss://me:p%40%3Aw@[::1]:7/3',
      {
        kind: 'redis',
        mode: 'single',
        hosts: [{ host: '::1', port: 7 }],
        ...plain,
        database: 3,
        username: 'me',
        password: 'p@:w',
        isTls: true,
      },
    ],
    [
      'redis+sentinel://:s3cret:x@a,b:9/orders/2',
      {
        kind: 'redis',
        mode: 'sentinel',
        hosts: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 9 },
        ],
        ...plain,
        primary: 'orders',
        database: 2,
        password: 's3cret:x',
      },
    ],
    [
      'rediss+cluster://a,b',
      {
        kind: 'redis',
        mode: 'cluster',
        hosts: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 6379 },
        ],
        ...plain,
        isTls: true,
      },
    ],
  ])('is understood: %s', (url, place) => {
    expect(parseStateUrl(url, '/etc')).toEqual(place)
  })

  it.each([
    ['', 'is no place for state'],
    ['file:', 'is no place for state'],
    ['http://h', 'is no place for state'],
    ['redis:h', 'is no Redis URL'],
    ['redis://', 'is no Redis URL'],
    ['redis+other://h', 'is no Redis URL'],
    ['redis://h?db=1', 'is no Redis URL'],
    ['redis://me:a@b@h', 'is no Redis URL'],
    ['redis://h:0', 'has no host and port'],
    ['redis://h:99999', 'has no host and port'],
    ['redis://a,b', 'has no host and port'],
    ['redis://h/one', 'has no database number'],
    ['redis://h/1/2', 'has no database number'],
    ['redis://me:%zz@h', 'has a user or password that is not percent-encoded'],
    ['redis+cluster://h/1', 'has no database number'],
    ['redis+sentinel://h', 'does not name the primary'],
    ['redis+sentinel://h/name/db', 'does not name the primary'],
  ])('is refused: %s', (url, message) => {
    expect(parseStateUrl(url, '/etc')).toEqual({ message, hint: expect.any(String) as unknown })
  })

  it('shows no secret of what it refuses', () => {
    for (const url of ['redis://me:hush@b@h', 'redis://me:hush%zz@h', 'redis://me:hush@h/x']) {
      expect(JSON.stringify(parseStateUrl(url, '/'))).not.toContain('hush')
    }
  })
})

describe('the state of a file', () => {
  const file: StateFileConfig = {
    url: '',
    strict: true,
    lease: 5000,
    keyPrefix: 'p',
    durability: { disk: true, replicas: 1, timeout: 200 },
  }

  function resolved(url: string, changes: Partial<StateFileConfig> = {}) {
    const issues: Issue[] = []
    const { place } = statePlace({ state: { url } }, '/etc')
    return { state: stateConfig({ place: place!, folder: '/etc' }, { ...file, ...changes }, issues), issues }
  }

  it('is a folder where nothing is said', () => {
    expect(statePlace({}, '/etc')).toEqual({ place: { kind: 'file', folder: '/etc/.connect-run' }, issues: [] })
  })

  it('takes login and certificates from beside the URL', () => {
    const { state } = resolved('redis://h', { username: 'u', password: 'p', tls: { ca: 'ca.pem', verify: true } })
    expect(state).toMatchObject({
      username: 'u',
      password: 'p',
      tls: { ca: '/etc/ca.pem', verify: true },
      strict: true,
      leaseMs: 5000,
      keyPrefix: 'p',
      durability: { disk: true, replicas: 1, timeoutMs: 200 },
    })
    expect(resolved('redis://a:b@h', { username: 'u', password: 'p' }).state).toMatchObject({
      username: 'a',
      password: 'b',
      tls: undefined,
    })
    expect(resolved('rediss://h').state).toMatchObject({ tls: { verify: true } })
  })

  it('finds certificates beside the file, and takes PEM texts and other paths as they are', () => {
    const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n'
    const tls = { ca: pem, cert: 'tls/cert.pem', key: '/run/key.pem', keyPassword: 'hush', verify: false }
    expect(resolved('redis://h', { tls }).state).toMatchObject({ tls: { ...tls, cert: '/etc/tls/cert.pem' } })
    expect(resolved('rediss://h', { tls: {} }).state).toMatchObject({ tls: {} })
  })

  it('needs a lease that a hiccup does not end', () => {
    expect(resolved('redis://h', { lease: 999 })).toMatchObject({
      state: undefined,
      issues: [{ path: ['state', 'lease'], message: 'must be at least 1s' }],
    })
    expect(resolved('file:x', { lease: 999 }).issues).toEqual([])
  })

  it.each([
    ['memory:', 'memory:'],
    ['file:x', 'file:/etc/x'],
    ['redis://me:hush@h/2', 'redis://h:6379/2'],
    ['rediss+sentinel://me:hush@[::1],h:7/name', 'rediss+sentinel://[::1]:26379,h:7/name'],
    ['redis+cluster://:hush@a,b', 'redis+cluster://a:6379,b:6379'],
  ])('is named without secrets: %s', (url, location) => {
    expect(stateLocation(resolved(url).state!)).toBe(location)
  })
})
