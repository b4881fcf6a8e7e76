import { pathKey } from './issue.ts'
import { parseYaml } from './yaml-source.ts'

/** Whether a text has a key at the top that every config has: other YAML may lie in the same folder. */
export function looksLikeConfig(text: string): boolean {
  const { entries } = parseYaml(text)
  return entries.has(pathKey(['name'])) || entries.has(pathKey(['pipelines']))
}
