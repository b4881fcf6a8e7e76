/** As Java writes a double: always with a fraction, from 10^7 and below 10^-3 with an exponent. */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  return Number.isFinite(value) ? fromExponential(value.toExponential()) : JSON.stringify(String(value))
}

/** As Java writes a float: the shortest digits that mean it among the floats. */
export function floatText(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  return Number.isFinite(Math.fround(value))
    ? fromExponential(shortestFloat(value))
    : JSON.stringify(String(Math.fround(value)))
}

/** The float nearest to the number, as the double with the fewest digits that means it: 12.34, not 12.34000015258789. */
export function nearestFloat(value: number): number {
  const float = Math.fround(value)
  return Number.isFinite(float) ? Number(shortestFloat(float)) : float
}

function shortestFloat(value: number): string {
  const float = Math.fround(value)
  for (let digits = 0; digits < 8; digits++) {
    const text = float.toExponential(digits)
    if (Math.fround(Number(text)) === float) return text
  }
  return float.toExponential(8)
}

function fromExponential(text: string): string {
  const [mantissa = '', power = '0'] = text.split('e')
  const negative = mantissa.startsWith('-')
  const digits = mantissa.replace('-', '').replace('.', '')
  return (negative ? '-' : '') + place(digits, Number(power))
}

function place(digits: string, exponent: number): string {
  if (exponent < -3 || exponent >= 7) return `${digits[0]!}.${digits.slice(1) || '0'}E${exponent}`
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${whole}.${digits.slice(exponent + 1) || '0'}`
}

/** As Jackson writes a string: upper-case escapes, and surrogates always escaped. */
export function stringText(value: string): string {
  const text = JSON.stringify(value)
  return UNLIKE_JACKSON.test(text) ? text.replaceAll(ESCAPES, jacksonEscape) : text
}

const UNLIKE_JACKSON = /[\ud800-\udfff]|\\u/
const ESCAPES = /\\(?:u[0-9a-f]{4}|.)|[\ud800-\udfff]/g

function jacksonEscape(found: string): string {
  if (found.length === 1) return `\\u${found.charCodeAt(0).toString(16).toUpperCase()}`
  return found.length === 2 ? found : `\\u${found.slice(2).toUpperCase()}`
}
