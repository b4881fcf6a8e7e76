/**
 * How deep a document may be. Elasticsearch 8 refuses a deeper one itself; in Elasticsearch 7 and OpenSearch 2 the stack of
 * the thread that reads it overflows from about 2000 on, and with it the node ends.
 */
export const MOST_LEVELS = 1000

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Whether objects and arrays in a text of JSON stand within each other more than `MOST_LEVELS` deep. */
export function isTooDeep(json: Buffer, start: number, end: number): boolean {
  // Each level has two brackets, so that few documents need a look.
  if (end - start <= 2 * MOST_LEVELS) return false
  let depth = 0
  for (let at = start; at < end; at++) {
    const byte = json[at]!
    if (byte === QUOTE) at = endOfText(json, at + 1, end)
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
    if (depth > MOST_LEVELS) return true
  }
  return false
}

/** Where the quote stands that ends a text. */
function endOfText(json: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1
  return at
}
