const QUOTE = 0x22
const PLUS = 0x2b
const MINUS = 0x2d
const POINT = 0x2e
const UPPER_E = 0x45
const LOWER_E = 0x65

/**
 * Whether JSON text may hold a number that `JSON.parse` gets wrong: 16 digits or more in a row lose their last ones,
 * an exponent of three digits or more may mean infinity. Both have three digits in a row, so every third byte is
 * enough to look at. Now and then true for digits in a string; never false for a number.
 */
export function hasRiskyNumber(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start + 2; at < end; at += 3) {
    if (!isDigit(buffer[at]!)) continue
    let from = at
    while (from > start && isDigit(buffer[from - 1]!)) from--
    at++
    while (at < end && isDigit(buffer[at]!)) at++
    const risky = at - from >= 16 || (at - from >= 3 && followsExponent(buffer, start, from))
    if (risky && !isInWord(buffer, start, from)) return true
  }
  return false
}

function followsExponent(buffer: Buffer, start: number, at: number): boolean {
  const before = at - (buffer[at - 1] === PLUS ? 2 : 1)
  return before >= start && (buffer[before] === LOWER_E || buffer[before] === UPPER_E)
}

/** Whether the number that ends here follows a quotation mark or a letter: an id in a string. */
function isInWord(buffer: Buffer, start: number, end: number): boolean {
  let at = end
  while (at > start && isNumberPart(buffer[at - 1]!)) at--
  return at > start && (buffer[at - 1] === QUOTE || isLetter(buffer[at - 1]!))
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

function isNumberPart(byte: number): boolean {
  return isDigit(byte) || byte === POINT || byte === PLUS || byte === MINUS || byte === UPPER_E || byte === LOWER_E
}

function isLetter(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a)
}
