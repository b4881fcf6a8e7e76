/** Kafka Connect's types. `float32` and `float64` are `float` and `double` in its JSON envelope. */
export type SchemaType =
  | 'boolean'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float'
  | 'double'
  | 'bytes'
  | 'string'
  | 'array'
  | 'map'
  | 'struct'

/** The schema that travels with a value of the `json-envelope` converter; most records have none. */
export interface Schema {
  readonly type: SchemaType
  readonly optional: boolean
  readonly name?: string
  readonly version?: number
  readonly doc?: string
  readonly parameters?: Readonly<Record<string, string>>
  readonly default?: unknown
  /** Of an array. */
  readonly items?: Schema
  /** Of a map. */
  readonly keys?: Schema
  /** Of a map. */
  readonly values?: Schema
  /** Of a struct, in order. */
  readonly fields?: readonly SchemaField[]
}

export interface SchemaField {
  readonly field: string
  readonly schema: Schema
}
