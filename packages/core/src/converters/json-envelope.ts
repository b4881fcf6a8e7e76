import type { Converter, SchemaAndValue } from '../api/converter.ts'
import type { Schema } from '../api/schema.ts'
import type { ConverterFactory } from './converter-factory.ts'
import { JsonNumber } from './envelope/json-number.ts'
import { readValue } from './envelope/read-value.ts'
import { type EnvelopeConfig, conversionFailed } from './envelope/rules.ts'
import { readSchema, schemaText } from './envelope/schema-json.ts'
import { writeValue } from './envelope/write-value.ts'
import { JsonSyntaxError, readJson } from './json-reader.ts'
import { syntaxError } from './json.ts'
import { afterMark, utf8Text } from './utf8.ts'

const HEAD = '{"schema":'
const MIDDLE = ',"payload":'
const TAIL = '}'

/**
 * Kafka Connect's JsonConverter: `{"schema": …, "payload": …}`, or with `schemas: false` the payload alone, written
 * byte for byte as it does. Values: whole numbers are numbers or, beyond ±2^53, bigints; Decimal is `Decimal`; Date,
 * Time and Timestamp are Dates; structs and maps with string keys are objects, other maps are Maps; bytes are Buffers.
 */
export const envelopeFactory: ConverterFactory<EnvelopeConfig> = {
  name: 'json-envelope',
  description:
    "Kafka Connect's JsonConverter: a schema and a payload in one JSON object, or with `schemas: false` the payload " +
    'alone. Reads and writes what Kafka Connect 3.9 does, its leniencies included unless `strict`.',
  config: {
    type: 'object',
    properties: {
      schemas: { type: 'boolean', default: true, description: "Kafka Connect's `schemas.enable`." },
      decimalFormat: {
        type: 'string',
        enum: ['base64', 'numeric'],
        default: 'base64',
        description: 'How Decimal values are written; both are read.',
      },
      replaceNullWithDefault: {
        type: 'boolean',
        default: true,
        description: "Whether null becomes the schema's default, where it has one.",
      },
      strict: {
        type: 'boolean',
        default: false,
        description:
          'Refuses what Kafka Connect bends when it reads: numbers out of range or of another type, unknown fields, ' +
          'text after the JSON.',
      },
    },
  },
  create: createEnvelopeConverter,
}

function createEnvelopeConverter(config: EnvelopeConfig): Converter {
  const { schemas, decimalFormat, replaceNullWithDefault, strict } = config
  const readEnvelope = envelopeReader(config)
  const schemaTexts = new WeakMap<Schema, string>()
  const textOf = (schema: Schema | undefined): string => {
    if (schema === undefined) return 'null'
    const known = schemaTexts.get(schema) ?? schemaText(schema, config)
    schemaTexts.set(schema, known)
    return known
  }
  return {
    format: `json-envelope ${JSON.stringify([schemas, decimalFormat, replaceNullWithDefault, strict])}`,
    schemas: true,
    decode: (buffer, start, end) => {
      const text = utf8Text(buffer, afterMark(buffer, start, end), end)
      return schemas ? readEnvelope(text) : { schema: undefined, value: readPayload(text, config) }
    },
    encode: (value, schema) => {
      if (value === null && schema === undefined) return null
      const payload = writeValue(schema, value, config)
      return Buffer.from(schemas ? HEAD + textOf(schema) + MIDDLE + payload + TAIL : payload, 'utf8')
    },
  }
}

function readPayload(text: string, config: EnvelopeConfig): unknown {
  return text === '' ? null : readValue(undefined, parse(text, config), config)
}

function parse(text: string, { strict }: EnvelopeConfig): unknown {
  try {
    return readJson(text, { number: (digits) => new JsonNumber(digits), lenient: !strict })
  } catch (error) {
    const { message, hint } = syntaxError(text, error)
    throw conversionFailed(
      `Converting byte[] to Kafka Connect data failed due to serialization error: ${message}`,
      hint,
    )
  }
}

/** Reads envelopes; a schema spelled like the one before is read only once, and is the same object. */
function envelopeReader(config: EnvelopeConfig): (text: string) => SchemaAndValue {
  let head: string | undefined
  let schema: Schema | undefined
  return (text) => {
    if (head !== undefined && text.startsWith(head)) {
      const json = payloadAfter(head, text)
      if (json !== undefined) return { schema, value: readValue(schema, json, config) }
    }
    const envelope = text === '' ? null : parse(text, config)
    if (!isEnvelope(envelope)) throw notAnEnvelope()
    schema = readSchema(envelope.schema, config)
    head = headOf(text)
    return { schema, value: readValue(schema, envelope.payload, config) }
  }
}

/** The payload of an envelope with a known head; undefined where something else follows it. */
function payloadAfter(head: string, text: string): unknown {
  if (!text.endsWith(TAIL)) return undefined
  return tryRead(text.slice(head.length, -TAIL.length))
}

/** The text up to the payload; undefined where the envelope is not spelled as Kafka Connect does. */
function headOf(text: string): string | undefined {
  const middle = text.indexOf(MIDDLE)
  if (middle < 0 || !text.startsWith(HEAD) || tryRead(text.slice(HEAD.length, middle)) === undefined) return undefined
  const head = text.slice(0, middle + MIDDLE.length)
  return payloadAfter(head, text) === undefined ? undefined : head
}

function tryRead(text: string): unknown {
  try {
    return readJson(text, { number: (digits) => new JsonNumber(digits) })
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined
    throw error
  }
}

function isEnvelope(json: unknown): json is { schema: unknown; payload: unknown } {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return false
  return Object.keys(json).length === 2 && Object.hasOwn(json, 'schema') && Object.hasOwn(json, 'payload')
}

function notAnEnvelope(): Error {
  return conversionFailed(
    'JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields.',
    'to read plain JSON set `schemas: false`, or the converter `json`',
  )
}
