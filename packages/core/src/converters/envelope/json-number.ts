const INTEGER = /^-?\d+$/

/** A number as it stood in the JSON: what it becomes depends on the schema. */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** By its spelling: `1` is, `1.0` and `1e2` are not. */
  get isInteger(): boolean {
    return INTEGER.test(this.text)
  }

  toNumber(): number {
    return Number(this.text)
  }

  /** The part before the point, exactly; or, from 10^64 on, a number that agrees with it in the low 64 bits. */
  truncate(): bigint {
    if (this.isInteger) return BigInt(this.text)
    const [mantissa = '', exponent = '0'] = this.text.toLowerCase().split('e')
    const [whole = '', fraction = ''] = mantissa.split('.')
    const shift = Number(exponent) - fraction.length
    const unscaled = BigInt(whole + fraction)
    if (shift >= 64 || shift < -this.text.length) return 0n
    return shift >= 0 ? unscaled * 10n ** BigInt(shift) : unscaled / 10n ** BigInt(-shift)
  }
}

/** Whole numbers that a double holds exactly are numbers, others bigints. */
export function numberIfSafe(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
