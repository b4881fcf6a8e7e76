import type { Transform } from '../api/transform.ts'
import { filter } from './filter.ts'
import { rename } from './rename.ts'
import { set } from './set.ts'

/** The transforms that come with the worker. Configs are validated by their schema before `create`. */
export const transforms: readonly Transform<never>[] = [builtin(filter), builtin(rename), builtin(set)]

/** Keeps the config's type between the schema and the function while the list forgets it. */
function builtin<Config>(transform: Transform<Config>): Transform<never> {
  return transform as unknown as Transform<never>
}
