import { readFileSync } from 'node:fs'
import { type Header, type RecordBatch, type RowFailure, type SinkContext, packRecords } from '@connect-run/core'
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

/** A config as the runtime hands it over. */
export function sinkConfig(options: Partial<CnosdbSinkConfig> = {}): CnosdbSinkConfig {
  const defaults = { url: 'http://127.0.0.1:1', api: 'cnosdb', tenant: 'cnosdb', database: 'public' } as const
  const table = options.preset === undefined ? { table: 'm' } : {}
  return { ...defaults, ...table, createDatabase: false, gzip: true, timeout: 5000, ...options }
}

/** Decoded records; offsets count from 0 where none are given. */
export function batchOf(records: readonly TestRecord[]): RecordBatch {
  const inputs = records.map((record, i) => {
    const { stream = 'oceanic', partition = 0, offset = i, timestamp = TIME, headers } = record
    return { stream, partition, offset, timestamp, headers, key: null, value: Buffer.from('x') }
  })
  return packRecords(inputs).withValues(records.map(({ value }) => value))
}

export function encoderOf(
  options: Partial<CnosdbSinkConfig> = {},
  streams: readonly string[] = ['oceanic'],
): LineEncoder {
  return new LineEncoder(compileMapping(sinkConfig(options), streams))
}

export function encode(records: readonly TestRecord[], options: Partial<CnosdbSinkConfig> = {}): Encoded {
  return encoderOf(options).encode(batchOf(records))
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
    random: () => 0.5,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    count: silent,
  }
}
