import { type Fragment, fragment } from '@connect-run/http'
import { hashText } from '../collision-window.ts'
import { type Node, TAG_KIND, type Table } from './columns.ts'
import { kinds } from './field-value.ts'
import { BOOLEAN, DECIMAL, EMPTY, INTEGER, LONG, NULL, NUMBER, TEXT, TOKENS, type Token } from './json-tokens.ts'

/** What is done with a value. */
export type Action = number
/** It is no column. */
export const SKIP = 0
/** The record is left to the general path. */
export const LEAVE = 1
/** A field: its bytes as they are. */
export const COPY = 2
/** … with the suffix of an integer. */
export const SIGNED = 3
export const UNSIGNED = 4
/** … in quotes. */
export const QUOTED = 5
/** A field: the shortest digits of a number. */
export const CONVERT = 6
export const TAG = 7
export const TIME = 8

/** A key of flat objects: what its bytes are, and what becomes of its values. */
export interface JsonColumn {
  readonly node: Node
  /** `"key":` */
  readonly quoted: Uint8Array
  /** `name=` */
  readonly first: Fragment
  /** `,name=` */
  readonly next: Fragment
  /** Hash of `,name=`. */
  readonly hash: number
  /** By token. */
  readonly actions: Uint8Array
  /** Kind of the value by token; 0 where it is no column. */
  readonly kinds: Uint8Array
  /** The object that had the key last: a key that comes twice is left to the general path. */
  object: number
}

/** What the transcoder knows of the keys of one table. It learns them from the general path. */
export class JsonColumns {
  /** The column at each place of the last object: objects of one shape need no look-up. */
  readonly plan: JsonColumn[] = []
  readonly #table: Table
  readonly #columns = new Map<string, JsonColumn>()

  constructor(table: Table) {
    this.#table = table
  }

  /** Undefined for a key that the general path has not met, or that stands elsewhere in an object than in its text. */
  find(key: string): JsonColumn | undefined {
    const known = this.#columns.get(key)
    if (known !== undefined) return known
    const node = this.#table.root.nodes.get(key)
    // Objects put keys that are array indexes before all others.
    if (node === undefined || /^\d/.test(key)) return undefined
    const column = newColumn(node)
    this.#columns.set(key, column)
    return column
  }
}

function newColumn(node: Node): JsonColumn {
  const actions = new Uint8Array(TOKENS)
  const kindsOf = new Uint8Array(TOKENS)
  for (let token = 0; token < TOKENS; token++) {
    const action = actionOf(node, token)
    // The general path says why a name can't be written.
    actions[token] = action >= COPY && action !== TIME && node.first === '' ? LEAVE : action
    kindsOf[token] = kindOf(node, token, action)
  }
  return {
    node,
    quoted: Buffer.from(`"${node.key}":`),
    first: fragment(node.first),
    next: fragment(node.next),
    hash: hashText(node.next),
    actions,
    kinds: kindsOf,
    object: -1,
  }
}

function actionOf(node: Node, token: Token): Action {
  if (token === NULL) return node.role === 'time' ? LEAVE : SKIP
  if (node.role === 'tag') return token === EMPTY ? SKIP : token === NUMBER ? LEAVE : TAG
  if (node.role === 'time') return token === BOOLEAN ? LEAVE : TIME
  return node.role === 'none' ? SKIP : fieldAction(node, token)
}

function fieldAction({ type, keepsText }: Node, token: Token): Action {
  const isText = token === TEXT || token === EMPTY
  if (isText || token === BOOLEAN) {
    if (!keepsText) return SKIP
    if (type === undefined || type === (isText ? 'string' : 'boolean')) return COPY
    return type === 'string' ? QUOTED : LEAVE
  }
  if (type === undefined || type === 'double') return doubleAction(token)
  if (type === 'string') return token === NUMBER ? LEAVE : QUOTED
  if (type === 'boolean' || (token !== INTEGER && token !== LONG)) return LEAVE
  return type === 'bigint' ? SIGNED : UNSIGNED
}

function doubleAction(token: Token): Action {
  if (token === INTEGER || token === DECIMAL) return COPY
  return token === NUMBER ? CONVERT : LEAVE
}

function kindOf({ type }: Node, token: Token, action: Action): number {
  if (action === TAG) return TAG_KIND
  if (action < COPY || action === TIME) return 0
  if (type !== undefined) return kinds[type]
  if (token === BOOLEAN) return kinds.boolean
  return token === TEXT || token === EMPTY ? kinds.string : kinds.double
}
