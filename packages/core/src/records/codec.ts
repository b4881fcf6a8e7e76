import type { Converter, SchemaAndValue } from '../api/converter.ts'
import type { Schema } from '../api/schema.ts'
import { bytesConverter } from '../converters/bytes.ts'

/** The converters of both ends for one part of a record (its key or its value). */
export interface EndConverters {
  readonly source: Converter
  readonly sink: Converter
  /** Bytes go through unparsed: both ends speak the same format. */
  readonly passThrough: boolean
}

export interface Codec {
  readonly key: EndConverters
  readonly value: EndConverters
}

export function endConverters(source: Converter, sink: Converter): EndConverters {
  return { source, sink, passThrough: source.format === sink.format }
}

const bytesBothEnds = endConverters(bytesConverter, bytesConverter)

/** Until the runtime binds a batch to a pipeline's converters, its values are its bytes. */
export const bytesCodec: Codec = { key: bytesBothEnds, value: bytesBothEnds }

/** Decoded values of one part (keys or values), by row; `undefined` where not decoded yet. */
export class DecodedColumn {
  readonly values: unknown[]
  readonly schemas: (Schema | undefined)[] | undefined

  constructor(values: unknown[], schemas?: (Schema | undefined)[]) {
    this.values = values
    this.schemas = schemas
  }

  static empty(count: number, withSchemas: boolean): DecodedColumn {
    return new DecodedColumn(new Array<unknown>(count), withSchemas ? new Array<Schema | undefined>(count) : undefined)
  }

  /** Decodes bytes into the row and returns the value. */
  decode(row: number, converter: Converter, buffer: Buffer, range: { start: number; end: number }): unknown {
    const decoded = converter.decode(buffer, range.start, range.end)
    if (!converter.schemas) return (this.values[row] = decoded)
    const { schema, value } = decoded as SchemaAndValue
    if (this.schemas !== undefined) this.schemas[row] = schema
    return (this.values[row] = value)
  }
}
