const TWO_32 = 2 ** 32

/**
 * A fraction in [0, 1) that depends on its arguments only: record `n` can be made without those before it. `salt`
 * tells the fields apart. 32 bits, by the mixing steps of MurmurHash3.
 */
export function fractionAt(seed: number, salt: number, n: number): number {
  let hash = mix(mix(seed | 0, salt), n | 0)
  // From 2^32 on the upper half counts too.
  if (n >= TWO_32) hash = mix(hash, Math.floor(n / TWO_32))
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  hash ^= hash >>> 16
  return (hash >>> 0) / TWO_32
}

function mix(hash: number, word: number): number {
  let bits = Math.imul(word, 0xcc9e2d51)
  bits = (bits << 15) | (bits >>> 17)
  const mixed = hash ^ Math.imul(bits, 0x1b873593)
  return Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64
}

/** A number for a name, the same on every machine. */
export function saltOf(name: string): number {
  let hash = 0
  for (let i = 0; i < name.length; i++) hash = mix(hash, name.charCodeAt(i))
  return hash
}
