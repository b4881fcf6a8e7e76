/** Whether a name matches one of the patterns, where `*` is any text and `?` any one character. */
export function anyGlob(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length === 0) return () => false
  const sources = patterns.map((pattern) =>
    pattern
      .replaceAll(/[\\^$.|+()[\]{}]/g, String.raw`\$&`)
      .replaceAll('*', '.*')
      .replaceAll('?', '.'),
  )
  const expression = new RegExp(`^(?:${sources.join('|')})$`, 'su')
  return (name) => expression.test(name)
}
