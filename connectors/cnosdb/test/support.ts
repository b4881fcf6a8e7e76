import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { expect } from '@jest/globals'
import {
  type Converter,
  type Header,
  type RecordBatch,
  type RowFailure,
  type SinkContext,
  packRecords,
} from '@connect-run/core'
import { bytesCodec, converters, endConverters } from '@connect-run/core/runtime'
import { type Encoded, LineEncoder } from '../src/line-protocol/encoder.ts'
import { compileMapping } from '../src/mapping.ts'
import type { CnosdbSinkConfig } from '../src/sink-config.ts'

export const TIME = 1_690_510_331_000

export interface TestRecord {
  readonly value: unknown
  readonly stream?: string
  readonly partition?: number
  readonly offset?: number
  /** -1: none. */
  readonly timestamp?: number
  readonly headers?: readonly Header[]
}

export interface JsonRecord extends TestRecord {
  readonly value: Buffer | null
}

/** A config as the runtime hands it over. */
export function sinkConfig(options: Partial<CnosdbSinkConfig> = {}): CnosdbSinkConfig {
  const defaults = { url: 'http://127.0.0.1:1', api: 'cnosdb', tenant: 'cnosdb', database: 'public' } as const
  const table = options.preset === undefined ? { table: 'm' } : {}
  return { ...defaults, ...table, createDatabase: false, transcode: true, gzip: false, timeout: 5000, ...options }
}

/** Decoded records; offsets count from 0 where none are given. */
export function batchOf(records: readonly TestRecord[]): RecordBatch {
  const bytes = records.map((record) => ({ ...record, value: Buffer.from('x') }))
  return packed(bytes).withValues(records.map(({ value }) => value))
}

export const json: Converter = converters.find(({ name }) => name === 'json')!.create({} as never)

/** Records that are still JSON, as a source has read them. */
export function jsonBatchOf(records: readonly JsonRecord[], converter: Converter = json): RecordBatch {
  return packed(records).withCodec({ ...bytesCodec, value: endConverters(converter, converter) })
}

function packed(records: readonly JsonRecord[]): RecordBatch {
  return packRecords(
    records.map((record, i) => {
      const { stream = 'oceanic', partition = 0, offset = i, timestamp = TIME, headers, value } = record
      return { stream, partition, offset, timestamp, headers, key: null, value }
    }),
  )
}

export type EncodedText = Omit<Encoded, 'body'> & { readonly text: string }

/** An encoder whose body can be read as text. */
export function encoderOf(
  options: Partial<CnosdbSinkConfig> = {},
  streams: readonly string[] = ['oceanic'],
): { encode(batch: RecordBatch): EncodedText } {
  const config = sinkConfig(options)
  const encoder = new LineEncoder(compileMapping(config, streams), config)
  return {
    encode: (batch) => {
      const { body, ...encoded } = encoder.encode(batch)
      return { ...encoded, text: body.toString() }
    },
  }
}

/** Encodes values, and their JSON too where that is the same. */
export function encode(records: readonly TestRecord[], options: Partial<CnosdbSinkConfig> = {}): EncodedText {
  const encoded = encoderOf(options).encode(batchOf(records))
  const texts = records.map(({ value }) => jsonText(value))
  if (texts.every((text) => text !== undefined)) {
    const ofJson = encodeJson(
      records.map((record, i) => ({ ...record, value: texts[i]! })),
      options,
    )
    expect(ofJson).toEqual(encoded)
  }
  return encoded
}

/** Encodes JSON, which makes the same with and without parsing it. */
export function encodeJson(records: readonly JsonRecord[], options: Partial<CnosdbSinkConfig> = {}): EncodedText {
  const batch = jsonBatchOf(records)
  const [parsed, transcoded] = [false, true].map((transcode) => {
    const encoder = encoderOf({ ...options, transcode })
    // The transcoder knows a column once it has seen it.
    encoder.encode(batch)
    return encoder.encode(batch)
  })
  expect(transcoded).toEqual(parsed)
  return parsed!
}

/** JSON of which a converter makes this value again, if there is any. */
function jsonText(value: unknown): Buffer | undefined {
  try {
    const text = Buffer.from(JSON.stringify(value))
    return isDeepStrictEqual(json.decode(text, 0, text.length), value) ? text : undefined
  } catch {
    return undefined
  }
}

/** The line of one value without its time, or why there is none. */
export function line(value: unknown, options: Partial<CnosdbSinkConfig> = {}): string {
  const { text, failures } = encode([{ value }], { tags: { partition: false }, ...options })
  return failures.length > 0 ? why(failures[0]!) : text.slice(0, text.lastIndexOf(' '))
}

export function why({ error }: RowFailure): string {
  return `${error.code}: ${error.message}`
}

export function readVectors<Case>(name: string): Case[] {
  const text = readFileSync(new URL(`vectors/${name}.jsonl`, import.meta.url), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((row) => JSON.parse(row) as Case)
}

export function contextOf(
  config: CnosdbSinkConfig,
  streams: readonly string[] = ['oceanic'],
): SinkContext<CnosdbSinkConfig> {
  const silent = (): undefined => undefined
  return {
    config,
    streams,
    worker: 'test',
    pipeline: 'test',
    signal: new AbortController().signal,
    clock: { now: () => Date.now(), monotonic: () => performance.now(), sleep: () => Promise.resolve() },
    latency: 'balanced',
    random: () => 0.5,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    count: silent,
  }
}
