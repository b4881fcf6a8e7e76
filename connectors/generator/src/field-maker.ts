import { fractionAt, saltOf } from './random.ts'
import type { FieldSpec } from './source-config.ts'

/** The value of one field in record `n`, made at `now` (milliseconds since 1970). */
export type FieldMaker = (n: number, now: number) => unknown

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** The chance of one field: fields are told apart by `salt`. */
interface Chance {
  readonly seed: number
  readonly salt: number
}

type Makers = {
  readonly [Type in FieldSpec['type']]: (spec: Extract<FieldSpec, { type: Type }>, chance: Chance) => FieldMaker
}

const makers: Makers = {
  number: numberMaker,
  integer: ({ min, max }, { seed, salt }) => {
    const size = max - min + 1
    return (n) => min + Math.floor(fractionAt(seed, salt, n) * size)
  },
  choice: choiceMaker,
  sequence:
    ({ start, step }) =>
    (n) =>
      start + n * step,
  time: ({ format }) => timeMakers[format],
  string: stringMaker,
  constant:
    ({ value }) =>
    () =>
      value,
}

/** The chance of a field comes from its name, so that adding one leaves the others as they were. */
export function fieldMaker(name: string, spec: FieldSpec, seed: number): FieldMaker {
  const make = makers[spec.type] as (spec: FieldSpec, chance: Chance) => FieldMaker
  return make(spec, { seed, salt: saltOf(name) })
}

/** A whole number of the smallest steps, divided once: 3.2 and never 3.2000000000000003. */
function numberMaker(spec: FieldSpec & { type: 'number' }, { seed, salt }: Chance): FieldMaker {
  const scale = 10 ** spec.decimals
  const first = Math.ceil(spec.min * scale)
  const steps = Math.max(0, Math.floor(spec.max * scale) - first) + 1
  return (n) => (first + Math.floor(fractionAt(seed, salt, n) * steps)) / scale
}

function choiceMaker({ values, weights }: FieldSpec & { type: 'choice' }, { seed, salt }: Chance): FieldMaker {
  if (weights === undefined) return (n) => values[Math.floor(fractionAt(seed, salt, n) * values.length)]
  const sums: number[] = []
  let total = 0
  for (const weight of weights) sums.push((total += weight))
  return (n) => {
    const at = fractionAt(seed, salt, n) * total
    let chosen = 0
    while (at >= sums[chosen]!) chosen++
    return values[chosen]
  }
}

const timeMakers: Readonly<Record<'iso' | 'ms' | 's', FieldMaker>> = {
  iso: (_n, now) => new Date(now).toISOString(),
  ms: (_n, now) => now,
  s: (_n, now) => Math.floor(now / 1000),
}

function stringMaker({ length }: FieldSpec & { type: 'string' }, { seed, salt }: Chance): FieldMaker {
  return (n) => {
    let text = ''
    for (let i = 1; i <= length; i++) text += LETTERS[Math.floor(fractionAt(seed, salt + i, n) * LETTERS.length)]
    return text
  }
}
