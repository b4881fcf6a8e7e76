import { type ConnectRecord, parseTemplate, partText } from '@connect-run/core'
import { invalid, shown } from './refusals.ts'

const GREATEST = 2n ** 63n - 1n

/** The members of an action line that say a document's version; empty where there is none. */
export type Versions = (record: ConnectRecord) => string

export function compileVersion(version: string): Versions {
  if (version === 'none') return () => ''
  if (version === 'offset') return (record) => members(String(record.offset), record)
  const parts = parseTemplate(version)
  return (record) => {
    let text = ''
    for (const part of parts) text += partText(part, record, 'version')
    return members(wholeNumber(text), record)
  }
}

/**
 * The second record that a transform made of one has the version of the first, which must not shut it out:
 * `external_gte` lets it in.
 */
function members(version: string, { index }: ConnectRecord): string {
  return `,"version":${version},"version_type":"${index === 0 ? 'external' : 'external_gte'}"`
}

function wholeNumber(text: string): string {
  const number = /^\d{1,40}$/.test(text) ? BigInt(text) : undefined
  if (number !== undefined && number <= GREATEST) return number.toString()
  throw invalid(`the version is \`${shown(text)}\`, and must be a whole number from 0 to 2^63-1`)
}
