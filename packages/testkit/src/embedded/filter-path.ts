/**
 * What `filter_path` leaves of an answer: comma-separated paths of names, where `*` stands for any part of a name.
 * Arrays are looked through; objects and arrays of which nothing is left go too.
 */
export function filterPath(value: unknown, filter: string): unknown {
  return (
    kept(
      value,
      filter.split(',').map((path) => path.split('.')),
    ) ?? {}
  )
}

type Path = readonly string[]

function kept(value: unknown, paths: readonly Path[]): unknown {
  if (paths.some((path) => path.length === 0)) return value
  if (Array.isArray(value)) return nonEmpty(value.map((each) => kept(each, paths)).filter((each) => each !== undefined))
  if (typeof value !== 'object' || value === null) return undefined
  const fields = Object.entries(value).map(([name, field]) => [name, kept(field, below(paths, name))] as const)
  return nonEmpty(Object.fromEntries(fields.filter(([, field]) => field !== undefined)))
}

function nonEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length > 0 ? value : undefined
}

/** What is left of the paths after a name. */
function below(paths: readonly Path[], name: string): Path[] {
  return paths.filter(([first = '']) => matches(first, name)).map(([, ...rest]) => rest)
}

function matches(pattern: string, name: string): boolean {
  const [begin = '', ...others] = pattern.split('*')
  if (others.length === 0) return begin === name
  return name.startsWith(begin) && name.endsWith(others.at(-1)!) && name.length >= pattern.length - 1
}
