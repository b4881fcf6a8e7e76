import { ConnectError, RetriableError, isConnectError } from '@connect-run/core'

interface Meaning {
  readonly pattern: RegExp
  readonly what: string
  readonly hint: string
}

/** What the server's refusals mean, by the first word of what it says. */
const MEANINGS: readonly Meaning[] = [
  {
    pattern: /^OOM\b/,
    what: 'is out of memory',
    hint: 'raise its `maxmemory`, or remove other data; positions stay where they are until then',
  },
  {
    pattern: /^READONLY\b/,
    what: 'is a read-only replica',
    hint: 'let `state.url` name the primary, or the sentinels that know which one it is',
  },
  {
    pattern: /^MISCONF\b/,
    what: 'refuses writes because it can no longer write to its disk',
    hint: 'see its log; free space on its disk',
  },
  {
    pattern: /^(NOAUTH|WRONGPASS|NOPERM)\b/,
    what: 'does not let this user in',
    hint: 'check user and password of `state`, and the rights of the user (README of @connect-run/state-redis)',
  },
  {
    pattern: /^(LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS)\b/,
    what: 'is not ready',
    hint: 'wait, or see its log; positions stay where they are until then',
  },
]

/** The client says that it could not send, but not why. */
const LOCAL = /enableOfflineQueue|Connection is closed|max retries per request/

const UNREACHABLE_HINT = 'start it, or check `state.url`; positions stay where they are until then'

/**
 * What a failed call means for the task. The client's own errors carry commands with their arguments, passwords among
 * them: only the text is taken.
 */
export function stateError(error: unknown, location: string, trouble?: string): ConnectError {
  if (isConnectError(error)) return error
  const said = error instanceof Error ? error.message : String(error)
  const text = LOCAL.test(said) ? (trouble ?? 'the connection is lost') : said
  if (text.startsWith('WRONGTYPE')) {
    return unreadable(location, 'a key of it holds something else')
  }
  const meaning = MEANINGS.find(({ pattern }) => pattern.test(text))
  if (meaning !== undefined) {
    return new RetriableError('STATE_UNWRITABLE', `Redis at ${location} ${meaning.what}: ${firstLine(text)}`, meaning)
  }
  return new RetriableError('STATE_UNWRITABLE', `can't reach Redis at ${location}: ${firstLine(text)}`, {
    hint: UNREACHABLE_HINT,
  })
}

export function unreadable(location: string, reason: string): ConnectError {
  return new ConnectError('STATE_UNREADABLE', `can't read the state in Redis at ${location}: ${reason}`, {
    hint: 'restore it from a backup, use another `state.keyPrefix`, or delete the key to read the source from its beginning',
  })
}

/** As a part of a sentence: some of what Redis says ends one. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.slice(0, 200).replace(/\.$/, '')
}
