const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/** `200ms`, `5s`, `1.5m`, `2h`, `1d` in milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  return parse(text, durationUnits)
}

/** `512B`, `64KiB`, `4MiB`, `1GiB`, `1KB`, `1MB`, `1GB` in bytes; undefined for anything else. */
export function parseSize(text: string): number | undefined {
  return parse(text, sizeUnits)
}

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text)
  if (match === null || !Object.hasOwn(units, match[2]!)) return undefined
  const amount = Math.round(Number(match[1]) * units[match[2]!]!)
  return Number.isSafeInteger(amount) ? amount : undefined
}
