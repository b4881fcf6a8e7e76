import type { Converter } from '../api/converter.ts'
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
