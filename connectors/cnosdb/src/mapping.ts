import { anyGlob } from './glob.ts'
import type { CnosdbSinkConfig, FieldType, TimeConfig } from './sink-config.ts'
import { type TableTemplate, compileTable } from './table-template.ts'

/** A config made ready for the encoder: presets and defaults resolved, patterns compiled. */
export interface Mapping {
  readonly api: CnosdbSinkConfig['api']
  readonly table: TableTemplate
  readonly root: readonly string[] | undefined
  readonly separator: string
  readonly isTag: (name: string) => boolean
  readonly isField: (name: string) => boolean
  /** Whether a text or boolean of this name is kept. */
  readonly keepsText: (name: string) => boolean
  readonly typeOf: (name: string) => FieldType | undefined
  readonly headerTags: readonly string[]
  readonly staticTags: Readonly<Record<string, string>>
  readonly partitionTag: boolean
  readonly topicTag: boolean
  readonly replaceBackslash: boolean
  /** Undefined: the record's timestamp and offset. */
  readonly timeField: (TimeConfig & { readonly field: string }) | undefined
  /** How record time becomes a point's identity. `telegraf` has no partition tag, so the nanoseconds hold it. */
  readonly identity: 'partition-tag' | 'telegraf'
}

const TELEGRAF_TABLE = 'kafka_consumer'

/** Whether the points' times are a value of the user's: then the last write to a time wins, and order matters. */
export function hasUserTime(config: CnosdbSinkConfig): boolean {
  return config.time?.field !== undefined
}

/** `streams`: what the pipeline's source reads, where known. */
export function compileMapping(config: CnosdbSinkConfig, streams: readonly string[] | undefined): Mapping {
  const { tags = {}, fields = {}, time } = config
  const telegraf = config.preset === 'telegraf'
  const table = compileTable(config.table ?? TELEGRAF_TABLE)
  const include = fields.include === undefined ? undefined : anyGlob(fields.include)
  const exclude = anyGlob(fields.exclude ?? [])
  const identity = telegraf && tags.partition !== true ? 'telegraf' : 'partition-tag'
  return {
    api: config.api,
    table,
    root: config.root?.split('.'),
    separator: config.flatten?.separator ?? '_',
    isTag: anyGlob(tags.fields ?? []),
    isField: (name) => (include === undefined || include(name)) && !exclude(name),
    keepsText: anyGlob(fields.strings ?? (telegraf ? [] : ['*'])),
    typeOf: typeLookup(fields.types ?? {}),
    headerTags: tags.headers ?? [],
    staticTags: tags.static ?? {},
    partitionTag: tags.partition ?? (!telegraf && !hasUserTime(config)),
    topicTag: tags.topic ?? (streams?.length !== 1 && !hasUserTime(config) && !table.namesTopic),
    replaceBackslash: tags.backslash === 'slash',
    timeField: time?.field === undefined ? undefined : { ...time, field: time.field },
    identity,
  }
}

/** An exact name before a pattern, then the first pattern that matches. */
function typeLookup(types: Readonly<Record<string, FieldType>>): (name: string) => FieldType | undefined {
  const patterns = Object.keys(types).map((pattern) => ({ matches: anyGlob([pattern]), type: types[pattern] }))
  return (name) => (Object.hasOwn(types, name) ? types[name] : patterns.find(({ matches }) => matches(name))?.type)
}
