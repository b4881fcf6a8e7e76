/** An exact decimal: `unscaled / 10^scale`. What Kafka Connect's `Decimal` holds. */
export class Decimal {
  readonly unscaled: bigint
  /** Digits after the point; may be negative. */
  readonly scale: number

  constructor(unscaled: bigint, scale: number) {
    this.unscaled = unscaled
    this.scale = scale
  }

  /** From a JSON number; keeps trailing zeros. Throws where the exponent makes it longer than 10,000 digits. */
  static parse(text: string): Decimal {
    const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
    const [whole = '', fraction = ''] = mantissa.split('.')
    const scale = fraction.length - Number(exponent)
    if (Math.abs(scale) > 10_000) throw new RangeError(`exponent out of range: ${exponent}`)
    return new Decimal(BigInt(whole + fraction), scale)
  }

  /** From the bytes of a big-endian two's complement number. */
  static fromBytes(bytes: Buffer, scale: number): Decimal {
    const unsigned = bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`)
    return new Decimal(BigInt.asIntN(bytes.length * 8, unsigned), scale)
  }

  /** Big-endian two's complement, as short as it can be. */
  toBytes(): Buffer {
    const { unscaled } = this
    const magnitude = unscaled < 0n ? -unscaled - 1n : unscaled
    const length = Math.floor(magnitude === 0n ? 0 : magnitude.toString(2).length / 8) + 1
    const hex = BigInt.asUintN(length * 8, unscaled).toString(16)
    return Buffer.from(hex.padStart(length * 2, '0'), 'hex')
  }

  /** Without exponent, with `scale` digits after the point. */
  toString(): string {
    const { unscaled, scale } = this
    const sign = unscaled < 0n ? '-' : ''
    const digits = (unscaled < 0n ? -unscaled : unscaled).toString()
    if (scale <= 0) return unscaled === 0n ? '0' : sign + digits + '0'.repeat(-scale)
    const padded = digits.padStart(scale + 1, '0')
    return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`
  }
}
