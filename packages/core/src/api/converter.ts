import type { Schema } from './schema.ts'

/** A value with the schema that came with it. */
export interface SchemaAndValue {
  readonly schema: Schema | undefined
  readonly value: unknown
}

/**
 * Bytes to values and back, at one end of a pipeline (`key:` and `value:` of a source or sink).
 * Called once for each record that somebody reads, synchronously and never for null bytes: a missing key and a
 * tombstone stay null. Throws a `RecordError` with code `CONVERSION_FAILED` that says what is wrong and at which
 * byte; the record then goes the way of its `errors.tolerance`.
 */
export interface Converter {
  /** The converter's name and options; where both ends have the same, bytes pass through unparsed. */
  readonly format: string
  /** Whether `decode` returns {@link SchemaAndValue} and `encode` looks at the schema. */
  readonly schemas: boolean
  /** Where `decode` returns plain values of one type: its schema, for sinks that write schemas. */
  readonly schema?: Schema
  /** Bytes `start` (inclusive) to `end` (exclusive) of the buffer. The result must not alias the buffer, except Buffers. */
  decode(buffer: Buffer, start: number, end: number): unknown
  /** Null makes a null (a tombstone); an empty Buffer is an empty value. */
  encode(value: unknown, schema: Schema | undefined): Buffer | null
}
