const ZERO = 0x30
const BILLION = 1e9

/** Writes a number from 0 to 2^53 in decimal digits, without its fraction; returns the place after them. */
export function writeDigits(value: number, to: Buffer, at: number): number {
  if (value < BILLION) return writeSmall(value, digitsOf(value), to, at)
  // Below 2^53 the quotient is wrong by less than 1e-9, and never rounded up to the next whole number.
  const high = Math.floor(value / BILLION)
  return writeSmall(value - high * BILLION, 9, to, writeDigits(high, to, at))
}

function writeSmall(value: number, digits: number, to: Buffer, at: number): number {
  for (let i = at + digits - 1, rest = value | 0; i >= at; i--) {
    const tenth = (rest / 10) | 0
    to[i] = ZERO + rest - 10 * tenth
    rest = tenth
  }
  return at + digits
}

function digitsOf(value: number): number {
  let digits = 1
  for (let limit = 10; limit <= value; limit *= 10) digits++
  return digits
}
