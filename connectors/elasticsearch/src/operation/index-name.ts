import { type ConnectRecord, RecordError, type TemplatePart, parseTemplate, partText } from '@connect-run/core'
import type { ElasticsearchSinkConfig } from '../sink-config.ts'
import { idsRepeat } from './choices.ts'
import { assertUnicode, invalid, shown } from './refusals.ts'

const MAX_NAME_BYTES = 255
/** Of the dataset and of the namespace of a data stream. */
const MAX_PART_BYTES = 100
/** More names than this are forgotten, to bound memory. */
const MAX_NAMES = 10_000

/** What no name may have (`MetadataCreateIndexService.validateIndexOrAliasName`), and control characters. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const forbidden = /[\\/*?"<>| ,#:\u0000-\u001f\u007f]/g
/** In a part of a data stream's name a hyphen would be taken for the end of the part. */
const hyphen = /-/g

/**
 * A name as the servers allow it: lower case; `_` for each of `\ / * ? " < > | , # :`, space and control characters;
 * without `-`, `_` and `+` at its start; `dot` and `dotdot` for `.` and `..`. Throws a `RecordError` for what is empty
 * or longer than 255 bytes then: cut off, several names would become one.
 */
export function indexName(text: string): string {
  const clean = withoutForbidden(text).replace(/^[-_+]+/, '')
  const name = clean === '.' ? 'dot' : clean === '..' ? 'dotdot' : clean
  return checked(name, text, { what: 'an index name', most: MAX_NAME_BYTES })
}

/** Type, dataset or namespace of a data stream: as an index name, and without `-`; 100 bytes at most. */
export function dataStreamPart(text: string): string {
  const name = withoutForbidden(text).replaceAll(hyphen, '_')
  return checked(name, text, { what: 'a part of a data stream’s name', most: MAX_PART_BYTES })
}

function withoutForbidden(text: string): string {
  return text.toLowerCase().replaceAll(forbidden, '_')
}

function checked(name: string, text: string, { what, most }: { what: string; most: number }): string {
  if (name === '') throw invalid(`\`${text}\` leaves nothing for ${what}`)
  assertUnicode(name, what)
  const size = Buffer.byteLength(name)
  if (size <= most) return name
  throw invalid(`\`${shown(text)}\` has ${size} bytes, and ${what} has ${most} at most`)
}

/** A part of a name: its template, and what makes a name of its text. */
interface Piece {
  readonly parts: readonly TemplatePart[]
  readonly option: string
  readonly clean: (text: string) => string
}

/** The index or data stream of each record. */
export class IndexNames {
  /** Where it is the same for all records. */
  readonly fixed: string | undefined
  /** Whether records of one partition and hour may differ in it. */
  readonly varies: boolean
  /** Whether those of one partition may differ in it from hour to hour. */
  readonly isTimed: boolean
  readonly #pieces: readonly Piece[]
  readonly #idsRepeat: boolean
  readonly #names = new Map<string, string>()
  readonly #texts = new Map<string, string>()
  #lastText: string | undefined
  #lastName = ''

  /** Throws a `RecordError` where the name is the same for all records, and none. */
  constructor(config: Pick<ElasticsearchSinkConfig, 'index' | 'dataStream' | 'id'>) {
    this.#pieces = piecesOf(config)
    this.#idsRepeat = idsRepeat(config)
    const parts = this.#pieces.flatMap((piece) => piece.parts)
    this.varies = parts.some(({ kind }) => kind === 'key' || kind === 'value' || kind === 'header')
    this.isTimed = parts.some(({ kind }) => kind === 'time')
    this.fixed = parts.every(({ kind }) => kind === 'text') ? this.#make(undefined as never) : undefined
  }

  /** Throws a `RecordError` where the record makes no name, or one that another text makes too. */
  of(record: ConnectRecord): string {
    if (this.fixed !== undefined) return this.fixed
    let text = ''
    for (const piece of this.#pieces) text += `${textOf(piece, record)}\0`
    if (text === this.#lastText) return this.#lastName
    const name = this.#names.get(text) ?? this.#add(text, this.#make(record))
    this.#lastText = text
    return (this.#lastName = name)
  }

  #make(record: ConnectRecord): string {
    const name = this.#pieces.map((piece) => piece.clean(textOf(piece, record))).join('-')
    return this.#pieces.length === 1 ? name : indexName(name)
  }

  #add(text: string, name: string): string {
    if (this.#names.size === MAX_NAMES) this.#forget()
    const other = this.#texts.get(name)
    if (other !== undefined && this.#idsRepeat) throw merged(name, other, text)
    this.#texts.set(name, text)
    this.#names.set(text, name)
    return name
  }

  #forget(): void {
    this.#names.clear()
    this.#texts.clear()
  }
}

function piecesOf({ index, dataStream }: Pick<ElasticsearchSinkConfig, 'index' | 'dataStream'>): readonly Piece[] {
  if (dataStream === undefined) {
    return [{ parts: parseTemplate(index ?? '${topic}'), option: 'index', clean: indexName }]
  }
  return (['type', 'dataset', 'namespace'] as const).map((option) => ({
    parts: parseTemplate(dataStream[option]),
    option: `dataStream.${option}`,
    clean: dataStreamPart,
  }))
}

function textOf({ parts, option }: Piece, record: ConnectRecord): string {
  let text = ''
  for (const part of parts) text += partText(part, record, option)
  return text
}

/** Documents of one id would replace each other though they are of different indices. */
function merged(name: string, one: string, other: string): RecordError {
  const [first, second] = [one, other].map((text) => text.slice(0, -1).replaceAll('\0', '-'))
  const message = `the index \`${name}\` is that of \`${first!}\` and of \`${second!}\`, whose ids may be the same`
  return new RecordError('RECORD_COLLISION', message, {
    hint: 'Name the index so that they differ in more than case and forbidden characters.',
  })
}
