import assert from 'node:assert/strict'
import { type Converter, type SchemaAndValue, isConnectError } from '@connect-run/core'
import { type Check, type Skipped, registerChecks } from './check.ts'

export interface ConverterDriver {
  readonly converter: Converter
  /** Bytes and what they decode to: the value, or `{schema, value}` for a converter with schemas. */
  readonly samples: readonly { readonly bytes: Buffer; readonly value: unknown }[]
  /** Bytes that it must refuse. */
  readonly invalid: readonly Buffer[]
  readonly skip?: Skipped
}

/** What every converter promises, as functions; {@link describeConverter} runs them as tests. */
export const converterChecks: readonly Check<ConverterDriver>[] = [
  {
    name: 'has a format',
    run: ({ converter }) => sync(() => assert.ok(converter.format.length > 0, 'format is empty')),
  },
  eachSample('decodes its samples', ({ converter, bytes, value }) => {
    assert.deepEqual(converter.decode(bytes, 0, bytes.length), value)
  }),
  eachSample('decodes a range of a larger buffer', ({ converter, bytes, value }) => {
    const around = Buffer.from('\u0000"}{[1,é')
    const packed = Buffer.concat([around, bytes, around])
    assert.deepEqual(converter.decode(packed, around.length, around.length + bytes.length), value)
  }),
  eachSample('keeps values when their buffer is used again', ({ converter, bytes, value }) => {
    if (Buffer.isBuffer(value)) return
    const packed = Buffer.from(bytes)
    const decoded = converter.decode(packed, 0, packed.length)
    packed.fill(0x20)
    assert.deepEqual(decoded, value)
  }),
  eachSample('encodes what it decodes', ({ converter, bytes, value }) => {
    const once = encode(converter, converter.decode(bytes, 0, bytes.length))
    assert.ok(once !== null || inner(converter, value).value === null, 'only null is encoded as null')
    if (once === null) return
    assert.deepEqual(converter.decode(once, 0, once.length), value)
    assert.deepEqual(encode(converter, converter.decode(once, 0, once.length)), once, 'encoding is stable')
  }),
  {
    name: 'encodes null as null',
    run: ({ converter }) => sync(() => assert.equal(converter.encode(null, undefined), null)),
  },
  {
    name: 'refuses what it can not read, with CONVERSION_FAILED',
    run: ({ converter, invalid }) =>
      sync(() => {
        for (const bytes of invalid) assertRefused(converter, bytes)
      }),
  },
  {
    name: 'decodes or refuses empty bytes and noise, and never fails otherwise',
    run: ({ converter }) =>
      sync(() => {
        for (const bytes of [
          Buffer.alloc(0),
          Buffer.from([0]),
          Buffer.from([0xff, 0xfe, 0x80]),
          Buffer.from('\u2028'),
        ]) {
          decodeOrRefuse(converter, bytes)
        }
      }),
  },
]

/** Registers all checks of a converter as tests. */
export function describeConverter(name: string, driver: ConverterDriver): void {
  registerChecks(`${name} converter conforms`, converterChecks, driver)
}

interface Sample {
  readonly converter: Converter
  readonly bytes: Buffer
  readonly value: unknown
}

function eachSample(name: string, check: (sample: Sample) => void): Check<ConverterDriver> {
  const run = ({ converter, samples }: ConverterDriver): Promise<void> =>
    sync(() => samples.forEach((sample) => check({ converter, ...sample })))
  return { name, run }
}

function inner(converter: Converter, decoded: unknown): SchemaAndValue {
  return converter.schemas ? (decoded as SchemaAndValue) : { schema: undefined, value: decoded }
}

function encode(converter: Converter, decoded: unknown): Buffer | null {
  const { schema, value } = inner(converter, decoded)
  return converter.encode(value, schema)
}

function assertRefused(converter: Converter, bytes: Buffer): void {
  const shown = JSON.stringify(bytes.toString('latin1'))
  assert.equal(decodeOrRefuse(converter, bytes), 'refused', `${shown} was decoded`)
}

function decodeOrRefuse(converter: Converter, bytes: Buffer): 'decoded' | 'refused' {
  try {
    converter.decode(bytes, 0, bytes.length)
    return 'decoded'
  } catch (error) {
    const isRight = isConnectError(error) && error.kind === 'record' && error.code === 'CONVERSION_FAILED'
    assert.ok(isRight, `a RecordError with CONVERSION_FAILED is expected, not ${String(error)}`)
    return 'refused'
  }
}

async function sync(action: () => void): Promise<void> {
  await Promise.resolve()
  action()
}
