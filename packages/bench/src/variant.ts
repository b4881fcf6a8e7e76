import { READING_BYTES } from './readings.ts'

export const COMPRESSIONS = ['none', 'gzip', 'lz4', 'zstd'] as const

export type Compression = (typeof COMPRESSIONS)[number]

/** What the records of a table are like, and the other end. */
export interface Variant {
  readonly partitions: number
  readonly valueBytes: number
  /** Every record has a key and two headers. */
  readonly keyed: boolean
  /** Of the topic that is read. */
  readonly compression: Compression
  /** How long the HTTP sink waits before it answers. */
  readonly answerMs: number
}

export type Dimension = keyof Variant

/** What is to be measured of each dimension. */
export type Choices = { readonly [D in Dimension]: readonly Variant[D][] }

export const plain: Variant = {
  partitions: 1,
  valueBytes: READING_BYTES,
  keyed: false,
  compression: 'none',
  answerMs: 0,
}

/** How many bytes of values are moved in one run, at most, where they are longer than the shortest. */
const MOST_BYTES = 512 * 2 ** 20

/**
 * One variant of the first choices, and one for each further choice, which differs from the first variant in that
 * alone. Dimensions other than those given stay plain.
 */
export function variantsOf(choices: Choices, dimensions: readonly Dimension[]): Variant[] {
  const first = Object.fromEntries(dimensions.map((one) => [one, choices[one][0]])) as Partial<Variant>
  const others = dimensions.flatMap((one) => choices[one].slice(1).map((choice) => ({ [one]: choice })))
  return [{}, ...others].map((other) => Object.assign({}, plain, first, other))
}

/** Whether nothing but the number of partitions differs from the plain variant. */
export function isPlain(variant: Variant): boolean {
  return variantTitle({ ...variant, partitions: plain.partitions }) === variantTitle(plain)
}

export function variantTitle({ partitions, valueBytes, keyed, compression, answerMs }: Variant): string {
  const parts = [
    partitions === 1 ? '1 partition' : `${partitions} partitions`,
    valueBytes === plain.valueBytes ? '' : `values of ${sizeText(valueBytes)}`,
    keyed ? 'keys and headers' : '',
    compression === 'none' ? '' : compression,
    answerMs === 0 ? '' : `answers after ${answerMs} ms`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

/** So many records that large values do not fill the disk. */
export function recordsOf({ valueBytes }: Variant, records: number): number {
  return valueBytes === plain.valueBytes ? records : Math.min(records, Math.floor(MOST_BYTES / valueBytes))
}

export function sizeText(bytes: number): string {
  return bytes % 1024 === 0 ? `${bytes / 1024} KB` : `${bytes} B`
}
