import { isAscii } from 'node:buffer'
import { RecordError } from '@connect-run/core'
import iconv from 'iconv-lite'

/** How the text of a file is stored. Line ends are looked for in the bytes as they are. */
export interface TextEncoding {
  /** Bytes of a code unit: 2 for UTF-16. */
  readonly unit: 1 | 2
  readonly newline: Buffer
  readonly carriageReturn: Buffer
  /** What may stand at the very beginning of a file and is no text. */
  readonly byteOrderMark: Buffer | undefined
  /**
   * The same text in UTF-8: the same buffer where that says it already. Undefined where all text is in UTF-8. Throws a
   * `RecordError` for bytes that are no text.
   */
  readonly toUtf8: ((bytes: Buffer) => Buffer) | undefined
}

/**
 * In all of these a byte 0x0A is a line feed wherever a character may begin, and never a part of a longer one, so that
 * lines can be told apart before they are decoded. In all but UTF-16, ASCII is what it is.
 */
export const encodings = [
  'utf-8',
  'utf-16le',
  'utf-16be',
  'iso-8859-1',
  'iso-8859-2',
  'iso-8859-5',
  'iso-8859-7',
  'iso-8859-9',
  'iso-8859-15',
  'windows-1250',
  'windows-1251',
  'windows-1252',
  'windows-1253',
  'windows-1254',
  'windows-1256',
  'koi8-r',
  'koi8-u',
  'gbk',
  'gb18030',
  'big5',
  'shift_jis',
  'euc-jp',
  'euc-kr',
] as const

export type EncodingName = (typeof encodings)[number]

export function textEncoding(name: EncodingName): TextEncoding {
  if (name === 'utf-8') return { ...single(undefined), byteOrderMark: Buffer.from([0xef, 0xbb, 0xbf]) }
  const toUtf8 = (bytes: Buffer): Buffer => transcoded(name, bytes)
  if (name === 'utf-16le') return double(toUtf8, (low, high) => Buffer.from([low, high]))
  if (name === 'utf-16be') return double(toUtf8, (low, high) => Buffer.from([high, low]))
  return single((bytes) => (isAscii(bytes) ? bytes : toUtf8(bytes)))
}

function single(toUtf8: TextEncoding['toUtf8']): TextEncoding {
  const [newline, carriageReturn] = [Buffer.from('\n'), Buffer.from('\r')]
  return { unit: 1, newline, carriageReturn, byteOrderMark: undefined, toUtf8 }
}

function double(toUtf8: TextEncoding['toUtf8'], unit: (low: number, high: number) => Buffer): TextEncoding {
  const [newline, carriageReturn] = [unit(0x0a, 0), unit(0x0d, 0)]
  return { unit: 2, newline, carriageReturn, byteOrderMark: unit(0xff, 0xfe), toUtf8 }
}

function transcoded(name: string, bytes: Buffer): Buffer {
  const text = iconv.decode(bytes, name, { stripBOM: false })
  // The library puts this character in place of what it can't read; some encodings have it as well.
  if (text.includes('\uFFFD') && !iconv.encode(text, name, { addBOM: false }).equals(bytes)) {
    throw new RecordError('CONVERSION_FAILED', `the record is no text in ${name}`, {
      hint: 'Set `encoding` at the source to what the file is written in.',
    })
  }
  return Buffer.from(text, 'utf8')
}
