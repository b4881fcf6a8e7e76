import { hashText, spreadHash } from '../collision-window.ts'
import type { Mapping } from '../mapping.ts'
import type { FieldType } from '../sink-config.ts'
import { type Kind, kinds } from './field-value.ts'
import { escapeName, escapeTable, invalid } from './text.ts'

/** Where the encoder stands, and what it has noticed on its way. */
export interface Progress {
  /** Number of the request. */
  request: number
  /** Number of the point, in all requests together. */
  point: number
  /** Whether a column has values of several kinds in this request. */
  mixed: boolean
}

/** How many nodes there are, in all tables together. */
export interface NodeBudget {
  nodes: number
}

/** A column of a table, by its flattened name. */
export interface Slot {
  readonly name: string
  /** How many paths in the values have this name. */
  paths: number
  /** The request that `kinds` are of. */
  request: number
  /** The kinds that the column has in that request. */
  kinds: number
  /** The point that had it last, where several paths or an index tag could meet. */
  point: number
}

export type Role = 'field' | 'tag' | 'time' | 'none'

/** A path in the values: one key below a {@link Level}. */
export interface Node {
  readonly key: string
  readonly name: string
  readonly role: Role
  /** `name=`, escaped; empty where the name can't be written. */
  readonly first: string
  /** `,name=` */
  readonly next: string
  readonly type: FieldType | undefined
  readonly keepsText: boolean
  readonly slot: Slot
  /** What is below, once a value was an object or an array. */
  level: Level | undefined
}

/** The keys below one path. */
export interface Level {
  readonly prefix: string
  readonly nodes: Map<string, Node>
  /** The node at each position of the last object: records of one shape need no look-up. */
  readonly plan: Node[]
  /** The node of each position of an array. */
  readonly items: Node[]
}

/** What the encoder knows of one table. */
export class Table {
  readonly name: string
  /** The name, escaped. */
  readonly head: string
  readonly root: Level = newLevel('')
  readonly slots: Map<string, Slot> = new Map()
  readonly hash: number
  /** The request that had points of this table last. */
  request = -1
  readonly #mapping: Mapping
  readonly #budget: NodeBudget

  constructor(name: string, mapping: Mapping, budget: NodeBudget) {
    this.name = name
    this.head = escapeTable(name, mapping.api)
    this.hash = spreadHash(hashText(name))
    this.#mapping = mapping
    this.#budget = budget
  }

  /** The node of the key at this position of an object, for when the plan has another. */
  replan(level: Level, position: number, key: string): Node {
    return (level.plan[position] = this.#node(level, key))
  }

  item(level: Level, position: number): Node {
    return (level.items[position] ??= this.#node(level, String(position)))
  }

  below(node: Node): Level {
    return (node.level ??= newLevel(node.name + this.#mapping.separator))
  }

  #node(level: Level, key: string): Node {
    let node = level.nodes.get(key)
    if (node === undefined) level.nodes.set(key, (node = this.#newNode(level, key)))
    return node
  }

  #newNode(level: Level, key: string): Node {
    const mapping = this.#mapping
    const name = level.prefix + key
    const role = roleOf(name, mapping)
    const text = isWritable(name, role, mapping) ? `${escapeName(name, 'field', mapping.api)}=` : ''
    this.#budget.nodes++
    const slot = this.#slot(name)
    slot.paths++
    const { typeOf, keepsText } = mapping
    return {
      key,
      name,
      role,
      first: text,
      next: `,${text}`,
      type: typeOf(name),
      keepsText: keepsText(name),
      slot,
      level: undefined,
    }
  }

  #slot(name: string): Slot {
    let slot = this.slots.get(name)
    if (slot === undefined) {
      slot = { name, paths: 0, request: -1, kinds: 0, point: -1 }
      this.slots.set(name, slot)
    }
    return slot
  }
}

/** Notes that the point has a value of this kind in the column. */
export function noteKind(slot: Slot, progress: Progress, kind: Kind): void {
  slot.point = progress.point
  if (slot.request !== progress.request) {
    slot.request = progress.request
    slot.kinds = kind
  } else if (slot.kinds !== kind) {
    slot.kinds |= kind
    progress.mixed = true
  }
}

/** Whether the point has a value in the column. */
export function hasPoint(table: Table, column: string, { point }: Progress): boolean {
  return table.slots.get(column)?.point === point
}

/** Why the node's value can't be written; asked only where `first` is empty. */
export function unwritable({ name, role }: Node, mapping: Mapping): Error {
  try {
    escapeName(name, role === 'tag' ? 'tag' : 'field', mapping.api)
  } catch (error) {
    return error as Error
  }
  return bothTagAndField(name)
}

export function bothTagAndField(name: string): Error {
  return invalid(`\`${name}\` would be both a tag that the sink adds and a part of the value`, 'name')
}

/** The names of the tags that points get beside those from the value. */
function isAddedTag(name: string, mapping: Mapping): boolean {
  if (name === 'partition') return mapping.partitionTag
  if (name === 'topic') return mapping.topicTag
  return mapping.headerTags.includes(name)
}

function isWritable(name: string, role: Role, mapping: Mapping): boolean {
  if (role !== 'field' && role !== 'tag') return false
  if (isAddedTag(name, mapping) || (role === 'field' && Object.hasOwn(mapping.staticTags, name))) return false
  try {
    escapeName(name, role, mapping.api)
    return true
  } catch {
    return false
  }
}

function roleOf(name: string, { timeField, isTag, isField }: Mapping): Role {
  if (name === timeField?.field) return 'time'
  if (isTag(name)) return 'tag'
  return isField(name) ? 'field' : 'none'
}

function newLevel(prefix: string): Level {
  return { prefix, nodes: new Map(), plan: [], items: [] }
}

export const TAG_KIND: Kind = kinds.tag
