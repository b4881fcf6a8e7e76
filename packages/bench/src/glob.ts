/** The names that any of the patterns matches, in their own order. In a pattern, `*` is any text and `?` any character. */
export function matching<T extends string>(names: readonly T[], patterns: readonly string[]): T[] {
  const expressions = patterns.map(expressionOf)
  return names.filter((name) => expressions.some((expression) => expression.test(name)))
}

/** Those whose names any of the patterns matches. */
export function chosen<T extends { readonly name: string }>(items: readonly T[], patterns: readonly string[]): T[] {
  const names = matching(
    items.map(({ name }) => name),
    patterns,
  )
  return items.filter(({ name }) => names.includes(name))
}

function expressionOf(pattern: string): RegExp {
  const literal = pattern.replaceAll(/[$()+.[\\\]^{|}]/g, String.raw`\$&`)
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`)
}
