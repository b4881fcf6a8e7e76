/**
 * Operations by what may be under way together: each wave is written before the next is sent, and has at most one
 * operation for each document. Operations of one document stand in successive waves, in their order.
 */
export function wavesOf(count: number, guards: readonly string[] | null): readonly (readonly number[])[] {
  const waves: number[][] = [[]]
  const written = new Map<string, number>()
  for (let i = 0; i < count; i++) {
    const wave = guards === null ? 0 : (written.get(guards[i]!) ?? 0)
    if (guards !== null) written.set(guards[i]!, wave + 1)
    waves[wave] ??= []
    waves[wave].push(i)
  }
  return waves
}
