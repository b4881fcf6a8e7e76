import { type Path, pathText } from './issue.ts'
import { valueAt } from './redact.ts'
import type { Substituted } from './substitute.ts'
import type { YamlSource } from './yaml-source.ts'

/** Something of a config that can run, and had better be changed. Holds no secret. */
export interface ConfigWarning {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
  /** `pipelines.orders.sink.password`. */
  readonly path: string
  readonly message: string
}

interface SecretsOfFile {
  readonly file: string
  readonly source: YamlSource
  readonly values: Substituted
}

/** Warns of secrets that stand in the file itself. */
export function literalSecrets(from: SecretsOfFile, secretPaths: ReadonlySet<string>): ConfigWarning[] {
  const { file, source, values } = from
  return [...secretPaths]
    .map((key) => JSON.parse(key) as Path)
    .filter((path) => isSecret(valueAt(values.value, path)) && values.references(path).length === 0)
    .map((path) => {
      const { line, column } = source.position(source.locate(path, 'value').start)
      const message = 'a secret stands in the file: use ${VAR} or ${file:path}'
      return { file, line, column, path: pathText(path), message }
    })
}

/** A path says where a secret is, and is none. */
function isSecret(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !/^\.{0,2}\//.test(value)
}
