import { ConnectError, type ErrorCode, RecordError, RetriableError } from '@connect-run/core'
import { type KafkaError, UNKNOWN, isKafkaError } from './kafka-error.ts'

/** What to do about a failure: try again, give up one record, or fail the task. */
type Verdict = 'retry' | 'record' | 'fail'

interface Entry {
  readonly code: ErrorCode
  readonly verdict: Verdict
  readonly hint?: string
}

const waits = (code: ErrorCode, hint?: string): Entry => entry(code, 'retry', hint)
const refuses = (code: ErrorCode, hint?: string): Entry => entry(code, 'record', hint)
const fails = (code: ErrorCode, hint?: string): Entry => entry(code, 'fail', hint)

function entry(code: ErrorCode, verdict: Verdict, hint: string | undefined): Entry {
  return hint === undefined ? { code, verdict } : { code, verdict, hint }
}

const checkAcls = 'Grant this user the right (kafka-acls), or log in as another.'
const checkTransactionalId =
  'Grant this user Write and Describe on the transactional id (kafka-acls --transactional-id), see `transactionalId`.'
const checkLogin = 'Check `auth`: mechanism, user name and password, and which listener `brokers` names.'
const checkTls = 'Check `tls`: the listener must speak TLS, and `tls.ca` must have signed its certificate.'
const checkBrokers = 'Check `brokers`, and that the cluster is up and reachable from here.'
const checkListener =
  'Check which listener `brokers` names, and that `tls` and `auth` are what it asks for: it closed the connection or speaks another protocol.'
const fenced =
  'Give each worker its own `instanceId`. After an outage it may be the group that took this consumer for another: it joins again.'
const createIt = 'Create the topic, or set `createTopic` at the sink.'
const tooLarge = "Raise the topic's `max.message.bytes` and the sink's `maxRequestSize`, or make the record smaller."

/** By librdkafka's numbers: below zero its own, above the broker's. */
export const errorTable: ReadonlyMap<number, Entry> = new Map([
  [-197, waits('CONNECTION_LOST')],
  [-195, waits('UNREACHABLE', checkBrokers)],
  [-193, waits('UNREACHABLE', 'The host name is not known here: check `brokers`.')],
  [-192, waits('TIMEOUT', 'The brokers did not take the records in time: see their logs.')],
  [-190, waits('TOPIC_MISSING', createIt)],
  [-188, waits('TOPIC_MISSING', createIt)],
  [-187, waits('UNREACHABLE', checkBrokers)],
  [-185, waits('TIMEOUT', checkBrokers)],
  [-184, waits('THROTTLED')],
  [-181, waits('UNREACHABLE', checkTls)],
  [-180, waits('CONNECTION_LOST')],
  [-172, waits('CONNECTION_LOST')],
  [-170, fails('FEATURE_MISSING')],
  [-169, fails('AUTH_FAILED', checkLogin)],
  [-166, waits('TIMEOUT', checkBrokers)],
  [-165, fails('REQUEST_REJECTED', 'The brokers are too old for this setting.')],
  [-153, waits('SERVER_ERROR')],
  [-152, waits('CONNECTION_LOST')],
  [-151, waits('CONNECTION_LOST')],
  [-150, fails('SERVER_ERROR')],
  [-147, waits('TIMEOUT')],
  [-144, fails('FENCED', fenced)],
  [-142, waits('FENCED')],
  [-140, fails('OFFSET_MISSING')],
  [-138, waits('SERVER_ERROR')],
  [-137, waits('CONNECTION_LOST')],
  [2, refuses('RECORD_REJECTED')],
  [3, waits('TOPIC_MISSING', createIt)],
  [5, waits('SERVER_ERROR')],
  [6, waits('SERVER_ERROR')],
  [7, waits('TIMEOUT')],
  [8, waits('SERVER_ERROR')],
  [9, waits('SERVER_ERROR')],
  [10, refuses('RECORD_TOO_LARGE', tooLarge)],
  [13, waits('CONNECTION_LOST')],
  [14, waits('SERVER_ERROR')],
  [15, waits('SERVER_ERROR')],
  [16, waits('SERVER_ERROR')],
  [17, refuses('RECORD_INVALID', 'A topic name has letters, digits, `.`, `_` and `-`, 249 at most.')],
  [18, refuses('RECORD_TOO_LARGE', tooLarge)],
  [19, waits('SERVER_ERROR', "The topic's `min.insync.replicas` is above the replicas in sync: see the brokers.")],
  [20, waits('SERVER_ERROR', "The topic's `min.insync.replicas` is above the replicas in sync: see the brokers.")],
  [22, waits('FENCED')],
  [25, waits('FENCED')],
  [27, waits('FENCED')],
  [29, fails('AUTH_FAILED', checkAcls)],
  [30, fails('AUTH_FAILED', checkAcls)],
  [31, fails('AUTH_FAILED', checkAcls)],
  [32, refuses('RECORD_REJECTED', "The topic's `message.timestamp…max.ms` refuses the time of the record.")],
  [33, fails('AUTH_FAILED', 'The brokers do not offer this `auth.mechanism`.')],
  [34, fails('AUTH_FAILED', checkLogin)],
  [44, refuses('RECORD_REJECTED', "The cluster's policy refuses it.")],
  [45, fails('SERVER_ERROR')],
  [47, fails('FENCED')],
  [48, fails('SERVER_ERROR')],
  [49, fails('FENCED')],
  [50, fails('REQUEST_REJECTED', 'The brokers allow less (`transaction.max.timeout.ms`): lower `transactionTimeout`.')],
  [51, waits('SERVER_ERROR')],
  [52, waits('SERVER_ERROR')],
  [53, fails('AUTH_FAILED', checkTransactionalId)],
  [56, waits('SERVER_ERROR')],
  [58, fails('AUTH_FAILED', checkLogin)],
  [76, fails('REQUEST_REJECTED', 'The brokers do not know this `compression`.')],
  [82, fails('FENCED', fenced)],
  [87, refuses('RECORD_REJECTED', 'A compacted topic takes no record without a key.')],
  [
    88,
    waits('SERVER_ERROR', 'A transaction of the last owner of a partition has not ended; it does so by its timeout.'),
  ],
  [89, waits('THROTTLED')],
  [90, fails('FENCED')],
])

const mismatch = waits('UNREACHABLE', checkListener)

/**
 * How librdkafka words, under one of these codes, that client and listener disagree about TLS or SASL. A listener that
 * misses either just hangs up.
 */
const MISMATCH = /security\.protocol|\bSSL\b|current SASL state|\bDisconnected: /
const MISMATCH_CODES: ReadonlySet<number> = new Set([-195, -187, -185, -169])

/** Another consumer has taken the name of this one. */
const FENCED_INSTANCE = 82

const unknown = fails('SERVER_ERROR', 'See the logs of the brokers.')

/** The error that tells the runtime what to do. `doing` begins the sentence: "can't read from …". */
export function connectError(error: KafkaError, doing: string): ConnectError {
  const { code, verdict, hint } = error.fatal ? fatalEntry(error) : entryOf(error)
  const options = { cause: error, ...(hint === undefined ? {} : { hint }) }
  const message = `${doing}: ${plain(error.message)}`
  if (verdict === 'retry') return new RetriableError(code, message, options)
  if (verdict === 'record') return new RecordError(code, message, options)
  return new ConnectError(code, message, options)
}

/** The answer of a call, or what its failure tells the runtime. */
export async function explaining<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!isKafkaError(error)) throw error
    throw connectError(error, doing)
  }
}

/** Makes and connects a client. */
export async function connecting<T>(brokers: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!isKafkaError(error)) throw error
    throw connectFailure(error, brokers)
  }
}

/** An error without a code is about the client's settings. */
function connectFailure(error: KafkaError, brokers: string): ConnectError {
  if (error.code !== UNKNOWN) return connectError(error, `can't connect to Kafka at ${brokers}`)
  return new ConnectError('CONFIG_INVALID', `librdkafka does not take these settings: ${error.message}`, {
    hint: 'Check `tls`, `auth` and `properties`.',
    cause: error,
  })
}

function entryOf({ code, message }: KafkaError): Entry {
  if (MISMATCH_CODES.has(code) && MISMATCH.test(message)) return mismatch
  return errorTable.get(code) ?? unknown
}

/** A fatal error leaves the client useless, whatever its code: only a new task helps. */
function fatalEntry(error: KafkaError): Entry {
  const code = error.message.includes('group.instance.id') ? FENCED_INSTANCE : error.code
  return { ...(errorTable.get(code) ?? unknown), verdict: 'fail' }
}

/** Whether trying again may help. */
export function isPassing(error: KafkaError): boolean {
  return !error.fatal && entryOf(error).verdict === 'retry'
}

function plain(text: string): string {
  return text.replace(/^(Local|Broker): /, '')
}
