const MARK = 'produced'
const MARK_BYTES = Buffer.from(MARK)
const [ZERO, NINE] = [48, 57]

/** A reading that says when it was produced, in milliseconds since 1970: 62 bytes. */
export function timedValue(producedAt: number): Buffer {
  return Buffer.from(`{"pressure": 3.2, "temperature": 15.1, "${MARK}": ${producedAt}}`)
}

/** Calls back with the time of each reading in a text of whole readings: as they are, or as line protocol. */
export function eachProducedAt(text: Buffer, use: (producedAt: number) => void): void {
  for (let mark = text.indexOf(MARK_BYTES); mark >= 0; mark = text.indexOf(MARK_BYTES, mark + MARK_BYTES.length)) {
    let at = mark + MARK_BYTES.length
    while (at < text.length && !isDigit(text[at]!)) at++
    let time = 0
    for (; at < text.length && isDigit(text[at]!); at++) time = time * 10 + text[at]! - ZERO
    use(time)
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}
