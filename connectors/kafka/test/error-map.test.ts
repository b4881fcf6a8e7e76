import { describe, expect, it } from '@jest/globals'
import { describeCode, kafkaError } from '../src/client/native-errors.ts'
import { KafkaError } from '../src/kafka-error.ts'
import { connectError, errorTable, isPassing } from '../src/error-map.ts'

describe('the error table', () => {
  it.each([
    [-195, 'retriable', 'UNREACHABLE'],
    [-192, 'retriable', 'TIMEOUT'],
    [-188, 'retriable', 'TOPIC_MISSING'],
    [-169, 'fatal', 'AUTH_FAILED'],
    [-170, 'fatal', 'FEATURE_MISSING'],
    [-137, 'retriable', 'CONNECTION_LOST'],
    [7, 'retriable', 'TIMEOUT'],
    [10, 'record', 'RECORD_TOO_LARGE'],
    [17, 'record', 'RECORD_INVALID'],
    [19, 'retriable', 'SERVER_ERROR'],
    [22, 'retriable', 'FENCED'],
    [29, 'fatal', 'AUTH_FAILED'],
    [82, 'fatal', 'FENCED'],
    [87, 'record', 'RECORD_REJECTED'],
    [89, 'retriable', 'THROTTLED'],
    [9999, 'fatal', 'SERVER_ERROR'],
  ])('makes %i a %s %s', (code, kind, name) => {
    expect(connectError(new KafkaError(code, 'Broker: words'), "can't do")).toMatchObject({
      kind,
      code: name,
      message: "can't do: words",
    })
  })

  it('finds the code of every entry by the text that events and delivery reports carry', () => {
    for (const code of errorTable.keys()) {
      const text = describeCode(code)
      const lowered = text.split(': ')[1]!.toLowerCase()
      expect([code, kafkaError({ code: -1, message: lowered }).code]).toEqual([code, code])
      expect([code, kafkaError(new Error(text)).code]).toEqual([code, code])
    }
  })

  it.each([
    [-195, 'ssl://h:1/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?'],
    [
      -187,
      'h:1/bootstrap: Disconnected: verify that security.protocol is correctly configured, broker might require SASL',
    ],
    [-187, 'h:1/bootstrap: Disconnected: requesting ApiVersion: might be caused by incorrect security.protocol …'],
    [-187, 'h:1/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN'],
    [-169, 'SASL PLAIN mechanism handshake failed: Broker: Request not valid in current SASL state: …'],
  ])('knows a listener that wants something else: %i %s', (code, text) => {
    const error = new KafkaError(code, text)
    const hint = expect.stringMatching(/listener.*`tls` and `auth`/)
    expect(connectError(error, 'x')).toMatchObject({ kind: 'retriable', code: 'UNREACHABLE', hint })
    expect(isPassing(error)).toBe(true)
  })

  it.each([
    'SASL authentication error: Authentication failed: Invalid username or password',
    'SASL GSSAPI mechanism handshake failed: Broker: Unsupported SASL mechanism: …',
  ])('knows a login that is refused: %s', (text) => {
    expect(connectError(new KafkaError(-169, text), 'x')).toMatchObject({ kind: 'fatal', code: 'AUTH_FAILED' })
  })

  it('takes no fatal error for one that passes, and tells who was fenced', () => {
    const fatal = new KafkaError(-150, 'Static consumer fenced by … same group.instance.id', true)
    expect(isPassing(fatal)).toBe(false)
    expect(connectError(fatal, 'x')).toMatchObject({ kind: 'fatal', code: 'FENCED' })
    expect(connectError(new KafkaError(7, 'x', true), 'x')).toMatchObject({ kind: 'fatal', code: 'TIMEOUT' })
  })
})
